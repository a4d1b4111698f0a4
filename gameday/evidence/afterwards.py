"""What people add after a run was sealed: notes, actions and sign-offs, chained to the seal and signed each.

The seal stays as it is. An entry follows from all before it; cutting off the last ones shows only to somebody
who knows that they were there, so hand on the newest `chain` with what you sign.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from gameday.chain import Chain
from gameday.errors import GamedayError
from gameday.evidence.pack import AFTERWARDS, SEAL, Pack
from gameday.evidence.seal import Sealing, shown
from gameday.files import read_lines
from gameday.git import whoever

ENTRY_TYPE = "application/vnd.gameday.entry+json"
LONGEST_TEXT = 2000
SEVERITIES = ("low", "medium", "high", "critical")


class Entry(BaseModel):
    """One line of afterwards.jsonl. Which fields there are depends on the kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: Literal["note", "action", "action-closed", "sign-off"]
    at: str
    by: str
    text: str = ""
    id: str | None = None
    severity: Literal["low", "medium", "high", "critical"] | None = None
    owner: str | None = None
    due: str | None = None
    role: str | None = None
    accepted: bool | None = None
    chain: str = ""
    signature: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """Something to mend: a finding, and its end if it has come to one."""

    opened: Entry
    closed: Entry | None = None

    @property
    def id(self) -> str:
        """Its number in the run: A1, A2."""
        return str(self.opened.id)


@dataclass(frozen=True, slots=True)
class Afterwards:
    """Everything that was added, by kind, oldest first."""

    notes: tuple[Entry, ...] = ()
    actions: tuple[Action, ...] = ()
    sign_offs: tuple[Entry, ...] = ()


def read(pack: Pack) -> Afterwards:
    """What was added to a run. Whether it is genuine is for `verify` to say."""
    found = list(entries(pack))
    closed = {entry.id: entry for entry in found if entry.kind == "action-closed"}
    return Afterwards(
        notes=tuple(entry for entry in found if entry.kind == "note"),
        actions=tuple(Action(entry, closed.get(entry.id)) for entry in found if entry.kind == "action"),
        sign_offs=tuple(entry for entry in found if entry.kind == "sign-off"),
    )


def entries(pack: Pack) -> Iterator[Entry]:
    """The entries that can be read, oldest first."""
    for line in read_lines(pack.folder / AFTERWARDS):
        try:
            yield Entry.model_validate(line)
        except ValidationError:
            continue


def add(pack: Pack, sealing: Sealing, kind: str, by: str | None, **fields: Any) -> Entry:
    """Add an entry, signed if there is a key.

    Raises GamedayError when the run is not sealed, the text is too long, or the key cannot sign.
    """
    seal = pack.folder / SEAL
    if not seal.is_file():
        raise GamedayError(f"run {pack.run_id} is not sealed, so nothing can be added after its seal")
    if len(str(fields.get("text", ""))) > LONGEST_TEXT:
        raise GamedayError(f"the text has more than {LONGEST_TEXT} characters; link to a longer one")
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    plain = {"kind": kind, "at": now, "by": by or whoever(), **fields}
    try:
        plain = Entry.model_validate(plain).model_dump(exclude_none=True, exclude={"chain"})
    except ValidationError as error:
        raise GamedayError(f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}") from None
    chain = Chain(pack.folder / AFTERWARDS, before=seal.read_bytes())
    return Entry.model_validate(chain.append(plain, finish=lambda linked: _signed(linked, sealing)))


def next_action(pack: Pack) -> str:
    """The id of the next action."""
    return f"A{len(read(pack).actions) + 1}"


def open_action(pack: Pack, identity: str) -> Action:
    """The open action of that id. Raises GamedayError when there is none."""
    found = {action.id: action for action in read(pack).actions}
    if identity not in found:
        known = ", ".join(found) or "none"
        raise GamedayError(f"run {pack.run_id} has no action '{identity}'; it has {known}")
    if found[identity].closed is not None:
        raise GamedayError(f"action {identity} is closed already")
    return found[identity]


def in_words(action: Action) -> str:
    """An action on one line."""
    opened, closed = action.opened, action.closed
    about = [opened.severity or "", f"owner {opened.owner}" if opened.owner else "no owner"]
    about.append(f"due {opened.due}" if opened.due else "no due date")
    state = f"closed {closed.at[:10]} by {closed.by}" if closed else "open"
    text = f"{opened.text} → {closed.text}" if closed and closed.text else opened.text
    return f"{action.id}  {state}  {', '.join(word for word in about if word)}: {text}"


def signature_in_words(entry: Entry) -> str:
    """What an entry says of its signature; a forged one says the same, so that it is only a claim."""
    if entry.signature is None:
        return "not signed"
    return f"signature under key {shown(entry.signature.get('keyid', ''))}, not checked here"


def payload_of(line: dict[str, Any]) -> bytes:
    """What the signature of an entry is of: all of it but the signature."""
    unsigned = {key: value for key, value in line.items() if key != "signature"}
    return json.dumps(unsigned, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _signed(linked: dict[str, Any], sealing: Sealing) -> dict[str, Any]:
    envelope = sealing.envelope(payload_of(linked), ENTRY_TYPE)
    signatures = envelope["signatures"]
    return {**linked, "signature": dict(signatures[0])} if signatures else linked
