"""Approvals: who has agreed to a file, as it stands, and when.

They lie beside the experiment in `<file>.approvals.jsonl`, one JSON line each, so that they can be committed
and reviewed. An approval names digests of the file, of the code and of the values that it is run with: it
ends with any change. A symbolic link to an experiment is the experiment.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from pathlib import Path

from gameday.errors import GamedayError
from gameday.experiment.load import Experiment
from gameday.experiment.rules import Approvals
from gameday.files import append_line, read_lines
from gameday.git import git
from gameday.guardrails.covered import Covered, covered
from gameday.reading import Unreadable, read_bytes

LARGEST_BYTES = 1_000_000
NAMED = 5  # things that have changed since an approval


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's agreement. `at` is RFC 3339 in UTC; `salt` is that of the values' digests."""

    by: str
    at: str
    sha256: str
    salt: str
    covers: Covered

    @property
    def moment(self) -> datetime:
        """When it was given."""
        return datetime.fromisoformat(self.at)

    @property
    def person(self) -> str:
        """Whose it is."""
        return person(self.by)


def person(name: str) -> str:
    """One spelling for each person: `Ann <ANN@x.org> ` is ann@x.org. Empty for nobody.

    Compatibility forms, case, blanks and invisible characters make no other person.
    """
    told = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    visible = "".join(letter for letter in told if unicodedata.category(letter) not in ("Cf", "Cc", "Cn"))
    plain = " ".join(visible.split())
    address = parseaddr(plain)[1] if "<" in plain else ""
    return address if "@" in address else plain


def beside(experiment: Path) -> Path:
    """Where the approvals of an experiment lie: beside the file itself, not beside a link to it."""
    real = experiment.resolve()
    return real.with_name(f"{real.name}.approvals.jsonl")


def approve(experiment: Experiment, by: str) -> Approval:
    """Record that somebody agrees to the file as it is now.

    Raises GamedayError for nobody, for a link, and when it cannot be written.
    """
    if not person(by):
        raise GamedayError("an approval needs a name; give it with --by")
    where = _no_link(beside(experiment.path))
    now, salt = datetime.now(UTC).isoformat(timespec="seconds"), secrets.token_hex(8)
    made = Approval(" ".join(by.split()), now, experiment.sha256, salt, covered(experiment, salt))
    covers = {"files": made.covers.files, "values": made.covers.values}
    line = {"by": made.by, "at": made.at, "sha256": made.sha256, "salt": salt, **covers}
    try:
        append_line(where, line)
    except OSError as error:
        raise GamedayError(f"cannot write {where}: {error.strerror}") from None
    return made


def _no_link(path: Path) -> Path:
    if path.is_symlink():
        raise GamedayError(f"{path} is a symbolic link; approvals count in the experiment's own folder only")
    return path


def given(experiment: Experiment) -> list[Approval]:
    """Every approval of the file, oldest first, whatever it covers.

    Raises GamedayError for a link, and when what lies there cannot be read.
    """
    path = _no_link(beside(experiment.path))
    try:
        read_bytes(path, LARGEST_BYTES)
    except FileNotFoundError:
        return []
    except Unreadable as error:
        raise GamedayError(f"the approvals {path} cannot be read: {error}") from None
    return list(_read(path))


def _read(path: Path) -> Iterator[Approval]:
    for line in read_lines(path):
        try:
            by, at, sha256, salt = (str(line[key]) for key in ("by", "at", "sha256", "salt"))
            approval = Approval(by, at, sha256, salt, Covered(dict(line["files"]), dict(line["values"])))
            if approval.moment.tzinfo is not None:
                yield approval
        except (KeyError, ValueError, TypeError):
            continue


def differences(experiment: Experiment, approval: Approval) -> list[str]:
    """What has changed since an approval, or is another value than it was given for; empty when it holds."""
    if approval.sha256 != experiment.sha256:
        return [experiment.path.name]
    return approval.covers.differences(covered(experiment, approval.salt))


def asked(
    rule: Approvals, approvals: Iterable[Approval], authors: set[str], now: datetime
) -> dict[str, list[Approval]]:
    """The approvals of each person who may give one: not the author, one of those asked, not too old."""
    oldest = now - timedelta(seconds=rule.valid_for)
    allowed = set(map(person, rule.from_))
    found: dict[str, list[Approval]] = {}
    for approval in approvals:
        is_asked = not allowed or approval.person in allowed
        if is_asked and approval.person not in {"", *authors} and oldest <= approval.moment <= now:
            found.setdefault(approval.person, []).append(approval)
    return found


def counting(experiment: Experiment, found: dict[str, list[Approval]]) -> tuple[list[Approval], list[str]]:
    """One approval of each person that holds; and for the others, what of the newest no longer does."""
    counted, lapsed = [], []
    for given_by in found.values():
        changed: list[str] = []
        for approval in given_by:
            changed = differences(experiment, approval)
            if not changed:
                counted.append(approval)
                break
        else:
            what = ", ".join(changed[:NAMED])
            lapsed.append(f"what {given_by[-1].by} approved is another now: {what}")
    return counted, lapsed


def authors(experiment: Experiment) -> set[str]:
    """Who wrote the file: whom it names, who committed it last, and whoever has changes to it here.

    Names and e-mail addresses, in their one spelling. Empty when nobody knows.
    """
    named = [*experiment.blocks.author, *_from_git(experiment.path.resolve())]
    return set(map(person, named)) - {""}


def _from_git(path: Path) -> Iterator[str]:
    last = git(path.parent, "log", "-1", "--format=%ae%n%an", "--", path.name)
    yield from last
    if git(path.parent, "status", "--porcelain", "--", path.name):
        yield from (*git(path.parent, "config", "user.email"), *git(path.parent, "config", "user.name"))
