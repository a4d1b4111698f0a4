"""What is wrong with a locustfile, without running it."""

from __future__ import annotations

import ast
from pathlib import Path

from gameday.experiment.source import LARGEST_BYTES
from gameday.reading import Unreadable, read_text


def trouble(home: Path, name: str, address: str | None) -> str | None:  # noqa: PLR0911 - a reason each
    """Why it cannot be taken; None when it can. home: the experiment's folder; address: instead of one."""
    if "," in name:
        return "Locust takes a comma for the end of a path; rename the file"
    if address is not None and not Path(name).is_absolute():
        return f"an experiment from {address} has no folder, so {name} is nowhere; write its whole path"
    path = home / name
    try:
        ast.parse(read_text(path, LARGEST_BYTES), str(path))
    except FileNotFoundError:
        return f"there is no locustfile {path}; the path is relative to this file"
    except Unreadable as error:
        return f"the locustfile {path} cannot be read: {error}"
    except SyntaxError as error:
        return f"{path}:{error.lineno}:{error.offset}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:  # a NUL in it, or nested too deep
        return f"{path} is no Python: {error or type(error).__name__}"
    return None
