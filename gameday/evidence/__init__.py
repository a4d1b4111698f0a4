"""Evidence: the record, the pack it lies in, and the report made from it."""
