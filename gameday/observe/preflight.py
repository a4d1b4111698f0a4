"""Whether everything that a run needs answers, asked once before anything is touched."""

from __future__ import annotations

import asyncio
import re

from gameday.experiment.model import Blocks
from gameday.observe.checks import Check
from gameday.observe.sources import KeyPath, reached

LIMIT_S = 5.0


def unreachable(blocks: Blocks) -> list[tuple[KeyPath, str]]:
    """What does not answer: the path of the key in the experiment, and why."""
    return asyncio.run(_all([check for each in reached(blocks) for check in each.checks]))


async def _all(checks: list[tuple[KeyPath, Check]]) -> list[tuple[KeyPath, str]]:
    answers = await asyncio.gather(*(_ask(path, check) for path, check in checks))
    return [answer for answer in answers if answer is not None]


async def _ask(path: KeyPath, check: Check) -> tuple[KeyPath, str] | None:
    try:
        async with asyncio.timeout(LIMIT_S):
            await check()
    except TimeoutError:
        return path, f"no answer within {LIMIT_S:g} s"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not reachable, and this says why
        return path, _in_words(error)
    return None


def _in_words(error: Exception) -> str:
    """The first line of an error, without a password that an address in it may hold."""
    lines = str(error).strip().splitlines()
    text = lines[0].strip() if lines else type(error).__name__
    if "no password supplied" in text:
        text += "; set PGPASSWORD, use ~/.pgpass, or give the DSN through secrets:"
    return re.sub(r"(password=|:)[^\s@/:]+@", r"\1***@", text)
