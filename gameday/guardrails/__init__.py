"""Guardrails: what an experiment would touch, and whether the file and the organisation allow it."""
