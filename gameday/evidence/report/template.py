"""The page's template, and how values stand in it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from jinja2 import BytecodeCache, Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket

import gameday
from gameday import clean, state
from gameday.errors import GamedayError
from gameday.evidence.report.wording import above, below, fixed, number, percent, plain
from gameday.units import spoken

TEMPLATES = Path(__file__).parent / "templates"


class Compiled(FileSystemBytecodeCache):
    """Templates as Python's own code, as `__pycache__` has it for modules; without them it takes longer."""

    def load_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().dump_bytecode(bucket)


def page(**values: Any) -> str:
    """The page with its values."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        bytecode_cache=_compiled(),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {"spoken": spoken, "percent": percent, "fixed": fixed, "number": number}
    environment.filters |= {"below": below, "above": above, "plain": plain}
    css = (TEMPLATES / "report.css").read_text()
    return environment.get_template("report.html").render(css=css, **values)


def _compiled() -> BytecodeCache | None:
    """Where they lie; None for somebody who has no folder of their own."""
    with suppress(GamedayError):
        return Compiled(str(state.folder("templates", gameday.__version__)))
    return None


def _shown(value: Any) -> Any:
    """A value as it stands on the page; what the page itself made, such as a drawing, stays as it is."""
    return clean.line(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
