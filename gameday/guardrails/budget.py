"""The error budget that is left, from a Prometheus. No answer is no permission."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

from gameday.errors import GamedayError
from gameday.experiment.rules import ErrorBudget

LIMIT_S = 10.0
LARGEST_BYTES = 1_000_000  # of an answer
LONGEST_SAID = 200  # characters of an error in it


def left(rule: ErrorBudget) -> float:
    """The share of the error budget that is left, 1 is all of it.

    Raises GamedayError when there is no answer, or it is not one number.
    """
    try:
        answer = asyncio.run(_ask(rule))
    except TimeoutError:
        raise GamedayError(f"{rule.prometheus} did not answer within {LIMIT_S:g} s") from None
    except Exception as error:  # noqa: BLE001 - whatever it was, the budget is not known
        raise GamedayError(f"{rule.prometheus} gave no answer: {error or type(error).__name__}") from None
    if answer.get("status") != "success":
        said = str(answer.get("error", "no reason given"))
        raise GamedayError(f"{rule.prometheus} refuses the query: {said[:LONGEST_SAID]}")
    try:
        return number(answer["data"])
    except (LookupError, TypeError, ValueError, AttributeError):
        raise GamedayError(f"{rule.prometheus} gives an answer that is not one of Prometheus") from None


async def _ask(rule: ErrorBudget) -> dict[str, Any]:
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=LIMIT_S)
    async with aiohttp.ClientSession(timeout=timeout, headers=rule.headers) as session:
        address = f"{rule.prometheus.rstrip('/')}/api/v1/query"
        # a redirect would take the headers, and the secret in them, elsewhere
        async with session.post(address, data={"query": rule.query}, allow_redirects=False) as response:
            if 300 <= response.status < 400:
                raise GamedayError("it redirects; write the address that it redirects to")
            body = await response.content.read(LARGEST_BYTES + 1)
            while len(body) <= LARGEST_BYTES and (more := await response.content.read(LARGEST_BYTES)):
                body += more
            if len(body) > LARGEST_BYTES:
                raise ValueError(f"its answer is larger than {LARGEST_BYTES:,} bytes")
            return dict(json.loads(body))


def number(data: dict[str, Any]) -> float:
    """The one number of a query's result. Raises GamedayError when it is none, several, or not a number."""
    kind, result = data.get("resultType"), data.get("result") or []
    if kind == "vector" and len(result) != 1:
        raise GamedayError(f"the query gives {len(result)} series, not one")
    value = result[0]["value"][1] if kind == "vector" else result[1] if kind == "scalar" else "nan"
    if not math.isfinite(float(value)):
        raise GamedayError(f"the query gives {value}, not a number")
    return float(value)
