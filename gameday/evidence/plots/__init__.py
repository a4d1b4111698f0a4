"""The plots of a report: what is to be seen, then how it is drawn."""
