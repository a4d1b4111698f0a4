"""Activities that give secrets away, each in its own way. `LEAKY_*` in the environment are the secrets."""

from __future__ import annotations

import base64
import json
import logging
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from gameday.faults import Landed, Undo, fault, landed


def prints(told: str) -> str:
    print(f"to standard output: {told}")
    print(f"to standard error: {os.environ['LEAKY_TOKEN']}", file=sys.stderr)
    os.write(2, f"past Python: {os.environ['LEAKY_API_KEY']}\n".encode())
    logging.getLogger("chaostoolkit").info("logged: %s", os.environ["LEAKY_SECRET"])
    print("half a line at the end: " + os.environ["LEAKY_PASSWORD"], end="")
    return f"returned: {told}"


def gives(told: str) -> dict[str, Any]:
    return {
        "nested": [{"deep": f"value {told}"}],
        "bytes": told.encode(),
        "password": "canary-under-a-name",
        "base64": base64.b64encode(told.encode()).decode(),
        "quoted": f"https://example.org/?q={quote(told, safe='')}",
        "url": "postgresql://app:canary-in-an-address@db/orders",
        "header": "Authorization: Bearer canary-in-a-header-0123",
        "query": "https://example.org/login?access_token=canary-in-a-query",
        "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOiJ4In0.canaryinajwt0123456",
        "aws": "AKIACANARYCANARY0123",
        "option": "mysql --user app --password canary-as-an-option",
        "lines": os.environ["LEAKY_PRIVATE_KEY"],
    }


def shapes(told: dict[str, Any]) -> dict[str, Any]:
    """Secrets that are no texts, are short, or are longer than a line."""
    for name, value in told.items():
        print(f"{name} is {value} and no other")
        print(json.dumps({name: value}), yaml.safe_dump({name: value}, width=10))
    for name in ("LEAKY_FOUR_TOKEN", "LEAKY_SEVEN_TOKEN", "LEAKY_NUMBER_PASSWORD"):
        print(os.environ[name])
    for before in (249_990, 999_990):
        print("x" * before + os.environ["LEAKY_TOKEN"] + "y" * 9)
    print("password: >-\n  canary-folded\n  canary-in-lines\nnext: 1")
    print('api_key: "canary-continued \\\n  \\ canary\\x2dtoo"')
    return {
        "password": 71829304,
        "told": told,
        "as texts": {name: str(value) for name, value in told.items()},
        "lines": str(told["lines"]).splitlines(),
        "long": "x" * 249_990 + os.environ["LEAKY_TOKEN"],
    }


def raises(told: str) -> None:
    secret = told
    raise RuntimeError(f"cannot log in with {secret}")


def raises_from(told: str) -> None:
    try:
        raises(told)
    except RuntimeError as error:
        raise ValueError(f"wrapped {told!r}") from error


@fault
def breaks(path: str) -> Generator[Undo, None, Landed]:
    """Make a file."""
    yield Undo(unbreak, verify=is_unbroken, path=path)
    Path(path).write_text("broken")
    return landed(True, f"proof {os.environ['LEAKY_SECRET']}")


def unbreak(path: str) -> str:
    """Undo of `breaks`: remove the file."""
    Path(path).unlink(missing_ok=True)
    return f"undone with {os.environ['LEAKY_TOKEN']}"


def is_unbroken(path: str) -> bool:
    return not Path(path).exists()


@fault
def owes_a_secret(told: str) -> Generator[Undo, None, Landed]:
    """Would put a secret into the undo log."""
    yield Undo(unbreak, path=told)
    Path("acted").write_text("it did")
    return landed(True, "")


def before_activity_control(context: dict[str, Any], **_: Any) -> None:
    print(f"a control sees {os.environ['LEAKY_PASSWORD']}")
