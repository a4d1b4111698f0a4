"""gameday: break a system on purpose, fail it over, and prove RTO and RPO."""

__version__ = "0.2.0"
