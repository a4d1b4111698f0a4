"""A verification that stands apart from its undo."""

from pathlib import Path


def is_mended(file: str) -> bool:
    """Whether the file says that it is up."""
    return Path(file).read_text() == "up"
