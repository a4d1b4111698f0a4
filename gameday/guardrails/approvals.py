"""Approvals: who has agreed to a file, as it stands, and when.

They lie beside the experiment in `<file>.approvals.jsonl`, one JSON line each, so that they can be committed
and reviewed. An approval names the digest of the file and of the `--var` values: it ends with any change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gameday.errors import GamedayError
from gameday.experiment import Experiment
from gameday.experiment.rules import Approvals
from gameday.files import append_line, read_lines
from gameday.git import git
from gameday.reading import Unreadable, read_bytes

LARGEST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's agreement. `at` is RFC 3339 in UTC."""

    by: str
    at: str
    sha256: str
    variables: str

    @property
    def moment(self) -> datetime:
        """When it was given."""
        return datetime.fromisoformat(self.at)


def beside(experiment: Path) -> Path:
    """Where the approvals of an experiment lie."""
    return experiment.with_name(f"{experiment.name}.approvals.jsonl")


def digest(variables: dict[str, Any]) -> str:
    """What stands for the `--var` values, so that none of them is written down."""
    return hashlib.sha256(json.dumps(variables, sort_keys=True, default=str).encode()).hexdigest()


def approve(experiment: Experiment, by: str) -> Approval:
    """Record that somebody agrees to the file as it is now. Raises GamedayError when it cannot be written."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    made = Approval(by, now, experiment.sha256, digest(experiment.variables))
    line = {"by": made.by, "at": made.at, "sha256": made.sha256, "variables": made.variables}
    try:
        append_line(beside(experiment.path), line)
    except OSError as error:
        raise GamedayError(f"cannot write {beside(experiment.path)}: {error.strerror}") from None
    return made


def given(experiment: Experiment) -> list[Approval]:
    """Every approval of this very file with these very values, oldest first.

    Raises GamedayError when what lies there cannot be read.
    """
    path = beside(experiment.path)
    try:
        read_bytes(path, LARGEST_BYTES)
    except FileNotFoundError:
        return []
    except Unreadable as error:
        raise GamedayError(f"the approvals {path} cannot be read: {error}") from None
    found = []
    for line in read_lines(path):
        try:
            approval = Approval(*(str(line[key]) for key in ("by", "at", "sha256", "variables")))
            is_dated = approval.moment.tzinfo is not None
        except (KeyError, ValueError):
            continue
        if (
            is_dated
            and approval.sha256 == experiment.sha256
            and approval.variables == digest(experiment.variables)
        ):
            found.append(approval)
    return found


def counting(rule: Approvals, approvals: list[Approval], authors: set[str], now: datetime) -> list[Approval]:
    """The approvals that count: one a person, not the author's, from those asked, not too old."""
    oldest = now - timedelta(seconds=rule.valid_for)
    allowed = {name.casefold() for name in rule.from_}
    newest: dict[str, Approval] = {}
    for approval in approvals:
        person = approval.by.casefold()
        is_asked = not allowed or person in allowed
        if is_asked and person not in authors and oldest <= approval.moment <= now:
            newest[person] = approval
    return list(newest.values())


def authors(experiment: Experiment) -> set[str]:
    """Who wrote the file: whom it names, who committed it last, and whoever has changes to it here.

    Names and e-mail addresses, casefolded. Empty when nobody knows.
    """
    named = [*experiment.blocks.author, *_from_git(experiment.path.resolve())]
    return {name.casefold() for name in named}


def _from_git(path: Path) -> Iterator[str]:
    last = git(path.parent, "log", "-1", "--format=%ae%n%an", "--", path.name)
    yield from last
    if git(path.parent, "status", "--porcelain", "--", path.name):
        yield from (*git(path.parent, "config", "user.email"), *git(path.parent, "config", "user.name"))
