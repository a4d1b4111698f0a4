"""Recorders: each watches the system from a process of its own and appends what it sees to disk."""
