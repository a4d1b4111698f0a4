"""A plug-in's source, asked on schedule in a process of its own.

`python -m gameday.observe.plugged` takes its orders on standard input: `{"folder": …, "key": …, "asked":
{RECORDER: {"options": …, "every_s": …, "timeout_s": …}}}`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from gameday.experiment import plugged
from gameday.experiment.sources import GROUP
from gameday.observe import child
from gameday.observe.asking import Answer, Asker, Schedule, record_until_told

LONGEST_ERROR = 200  # characters


def asker(source: Any) -> Asker:
    """How to ask it. What it says is checked: it may be no answer."""

    async def ask() -> Answer:
        return _checked(await source.ask())

    async def close() -> None:
        await source.close()

    return Asker(ask, close)


def _checked(said: Any) -> Answer:
    """An answer that can be written down. Raises TypeError for what is none."""
    if not isinstance(said, Answer):
        raise TypeError(f"a source answers with an Answer, not {type(said).__name__}")
    value = float(said.value)
    return Answer(bool(said.ok), int(said.status), str(said.error)[:LONGEST_ERROR], value)


async def _main() -> None:
    child.keep_the_line()
    orders = child.read_orders()
    made = plugged.entry(GROUP, orders["key"]).load()
    asked = {
        name: (Schedule(orders["key"], each["every_s"], each["timeout_s"]), asker(made(**each["options"])))
        for name, each in orders["asked"].items()
    }
    await record_until_told(orders["folder"], asked)


if __name__ == "__main__":
    asyncio.run(_main())
