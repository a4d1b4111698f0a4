"""Measuring: pure functions from recorded samples to figures. Nothing here reads a clock or a socket."""
