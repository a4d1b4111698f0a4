"""The report of a run in its forms: pure functions of the record and the files beside it."""
