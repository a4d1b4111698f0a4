"""Verify a pack offline: its signature, every hash, the chain, the schema; then measure it again.

Nothing in the pack is trusted but what the given key has signed. Without a key the hashes show what was
changed by accident, not what was changed on purpose, and the verification says so.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from gameday.chain import first_broken
from gameday.errors import GamedayError
from gameday.evidence import assemble, bounds, timestamp
from gameday.evidence.afterwards import ENTRY_TYPE, Entry, payload_of
from gameday.evidence.holding import Holding, InFolder
from gameday.evidence.pack import AFTERWARDS, MANIFEST, SEAL, STAMP, WITH_THE_SEAL, Pack
from gameday.evidence.record import SEALED_SINCE, Record, refuse_newer, version_of
from gameday.evidence.seal import NOT_SEALED, PAYLOAD_TYPE, as_json, shown
from gameday.evidence.unlike import unlike
from gameday.measure.rules import FIRST, RULES, are_alike
from gameday.reading import Unreadable

TIMELINE, RECORD, REPORT = "timeline.jsonl", "record.json", "report.html"
DATA = (TIMELINE, RECORD)
MOST_TOLD, LONGEST_SHOWN = 100, 120


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: the file, and what about it."""

    file: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.message}"


@dataclass
class Verification:
    """What was found: what holds, what could not be checked, what is wrong."""

    holds: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    run_id: str = ""
    _told: set[Finding] = field(default_factory=set, repr=False)

    def wrong(self, file: str, message: str) -> None:
        """Something is wrong with a file; the same is told once."""
        if (finding := Finding(file, message)) not in self._told:
            self._told.add(finding)
            self.findings.append(finding)


def verify(
    pack: Pack | Holding,
    key: SSlibKey | None = None,
    stamp_roots: Path | None = None,
    others: Sequence[SSlibKey] = (),
) -> Verification:
    """Verify a pack. key: whose signature is asked for. stamp_roots: certificates of time-stamp authorities.

    others: whose signatures are also believed on what was added after the seal. First the signature, then the
    hashes, and only what has held so far is parsed and measured, within `bounds`. Raises GamedayError when
    there is no run, or one that a later gameday made.
    """
    held = InFolder(pack.folder) if isinstance(pack, Pack) else pack
    found = Verification()
    if not any(held.has(name) for name in (*DATA, SEAL)):
        raise GamedayError(f"{held.path} is not the folder of a run")
    if key is not None or SEAL in held.kept or MANIFEST in held.kept:
        manifest = _seal(held, key, stamp_roots, found)
        is_believed = not found.findings
        _files(held, manifest, found)
        record = _stored_record(held, found) if is_believed or key is None else None
        _chain(held, manifest, found)
        _afterwards(held, [*([key] if key else []), *others], found)
    else:
        record = _stored_record(held, found)
        _without_seal(held, record, found)
    for file, message in held.beside:
        found.wrong(file, message)
    if record is not None:
        found.run_id = record["run_id"]
        _measured(held, record, key, found)
    return found


def _measured(held: Holding, record: dict[str, Any], key: SSlibKey | None, found: Verification) -> None:
    """Measure it again, if what it is measured from is what was sealed, and no more than a run can have."""
    derived = (AFTERWARDS, RECORD, REPORT) if key else (SEAL, STAMP, MANIFEST, AFTERWARDS, RECORD, REPORT)
    if any(finding.file not in derived for finding in found.findings):
        found.unchecked.append("not measured again: what it would be measured from was changed")
        return
    rules = record.get("rules", FIRST)
    if not are_alike(rules, RULES):
        found.unchecked.append(f"measured by rules {rules}; not measured again by rules {RULES}")
        return
    try:
        held.check_texts()
        with held.on_disk() as pack:
            _figures(pack, record, found)
    except Exception as error:  # noqa: BLE001 - whatever the data do to the measuring, they are wrong
        found.wrong(held.path.name, f"cannot be measured again: {type(error).__name__}: {_cut(str(error))}")


def _stored_record(held: Holding, found: Verification) -> dict[str, Any] | None:
    """The record as it lies there; None when it is none."""
    if RECORD not in held.kept:
        found.wrong(RECORD, "is missing")
        return None
    if not held.has(RECORD):
        found.wrong(RECORD, str(held.kept[RECORD].odd))
        return None
    try:
        stored = bounds.parsed(held.read(RECORD, bounds.MOST_TEXT))
        refuse_newer(stored, held.path)
        Record.model_validate(stored)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        found.wrong(RECORD, f"does not follow the schema: {_cut(place)}: {_cut(first['msg'])}")
        return None
    except Unreadable as error:
        found.wrong(RECORD, str(error))
        return None
    except ValueError as error:
        found.wrong(RECORD, f"is not JSON: {error}")
        return None
    return dict(stored)


def _seal(
    held: Holding, key: SSlibKey | None, stamp_roots: Path | None, found: Verification
) -> dict[str, Any] | None:
    """Check signature, statement and time stamp; returns the manifest, None when there is none to go by."""
    seal, manifest = (_bytes(held, name, found) for name in (SEAL, MANIFEST))
    if seal is not None:
        _signature(seal, key, manifest, found)
        _stamp(held, seal, stamp_roots, found)
    if manifest is None:
        return None
    try:
        read = bounds.parsed(manifest)
        names = [(str(file["path"]), int(file["size"]), str(file["sha256"])) for file in read["files"]]
        if len({name for name, _, _ in names}) != len(names):
            found.wrong(MANIFEST, "names a file twice")
        return {**read, "files": names}
    except (ValueError, KeyError, TypeError, OverflowError):
        found.wrong(MANIFEST, "cannot be read")
        return None


def _bytes(held: Holding, name: str, found: Verification) -> bytes | None:
    """A file of the seal; None, and told, when it cannot be read."""
    try:
        if name not in held.kept:
            found.wrong(name, "is missing")
        elif held.kept[name].odd is not None:
            found.wrong(name, str(held.kept[name].odd))
        else:
            return held.read(name, bounds.MOST_SEAL)
    except Unreadable as error:
        found.wrong(name, str(error))
    return None


def _signature(data: bytes, key: SSlibKey | None, manifest: bytes | None, found: Verification) -> None:
    try:
        envelope = Envelope.from_dict(json.loads(data))
        subject = json.loads(envelope.payload)["subject"]
        sealed = {each["name"]: each["digest"]["sha256"] for each in subject}
        is_canonical = as_json(envelope.to_dict()) == data
        is_plain = len(envelope.signatures) <= 1 and not any(
            signature.unrecognized_fields for signature in envelope.signatures.values()
        )
        envelope.pae()
        signed_by = ", ".join(shown(keyid) for keyid in envelope.signatures)
    except Exception:  # noqa: BLE001 - a tampered envelope may fail in any way, and is only ever wrong
        found.wrong(SEAL, "is not a signed statement")
        return
    if envelope.payload_type != PAYLOAD_TYPE or not is_canonical or not is_plain:
        found.wrong(SEAL, "is not as it was written")
    if manifest is not None and sealed.get(MANIFEST) != hashlib.sha256(manifest).hexdigest():
        found.wrong(MANIFEST, "is not the manifest that was sealed")
    if key is None:
        found.unchecked.append(
            f"the signature by key {signed_by} was not checked: give the public key with --key"
            if signed_by
            else "sealed by hashes alone, without a signature: whoever changes it can seal it again"
        )
        return
    try:
        envelope.verify([key], 1)
        found.holds.append(f"the signature is by key {shown(key.keyid)}")
    except Exception:  # noqa: BLE001 - and so may a tampered signature
        by = f"it names key {signed_by}" if signed_by else "it is not signed"
        found.wrong(SEAL, f"there is no valid signature by key {shown(key.keyid)}; {by}")


def _stamp(held: Holding, seal: bytes, roots: Path | None, found: Verification) -> None:
    if STAMP not in held.kept:
        if roots is not None:
            found.wrong(STAMP, "is missing")
        return
    stamp = _bytes(held, STAMP, found)
    if stamp is None:
        return
    try:
        if roots is None:
            when = timestamp.moment(stamp)
            found.unchecked.append(
                f"the time stamp of {when.isoformat()} was not checked: give --stamp-roots"
            )
        else:
            when = timestamp.check(stamp, seal, roots)
            found.holds.append(f"the seal existed at {when.isoformat()}, by its time stamp")
    except (GamedayError, OSError) as error:
        found.wrong(STAMP, str(error))


def _files(held: Holding, manifest: dict[str, Any] | None, found: Verification) -> None:
    """Every file is the one that was sealed, none is missing, none was added."""
    _unsealed(held, found)
    if manifest is None:
        return
    listed = {name: (size, sha256) for name, size, sha256 in manifest["files"]}
    there = {name: kept for name, kept in held.kept.items() if name not in NOT_SEALED}
    changed = len(found.findings)
    for name in sorted(listed.keys() | there.keys()):
        if name not in there:
            found.wrong(name, "is missing")
        elif name not in listed:
            found.wrong(name, f"was added, and {there[name].odd}" if there[name].odd else "was added")
        elif there[name].odd is not None:
            found.wrong(name, str(there[name].odd))
        elif there[name].size != listed[name][0]:
            found.wrong(name, f"has {there[name].size} bytes; {listed[name][0]} were sealed")
        else:
            _same(held, name, listed[name][1], "the sealed one", found)
    if len(found.findings) == changed:
        found.holds.append(f"all {len(listed)} files are the sealed ones")


def _unsealed(held: Holding, found: Verification) -> None:
    """What no seal lists is a file all the same; a lock and a kill switch of a run that ended are empty."""
    for name in NOT_SEALED:
        kept = held.kept.get(name)
        if kept is not None and kept.odd is not None and name not in (SEAL, MANIFEST):
            found.wrong(name, kept.odd)
        elif kept is not None and kept.size and name not in WITH_THE_SEAL:
            found.wrong(name, f"has {kept.size} bytes that are no part of what was sealed")


def _same(held: Holding, name: str, sha256: Any, whose: str, found: Verification) -> None:
    try:
        if held.digest(name) != sha256:
            found.wrong(name, f"was changed: its SHA-256 is not {whose}")
    except Unreadable as error:
        found.wrong(name, str(error))


def _chain(held: Holding, manifest: dict[str, Any] | None, found: Verification) -> None:
    """Every line of the timeline follows from those before it, to the sealed end."""
    if not held.has(TIMELINE):
        return
    try:
        data = held.read(TIMELINE, bounds.MOST_TEXT)
    except Unreadable as error:
        found.wrong(TIMELINE, str(error))
        return
    broken = first_broken(data)
    if broken is not None:
        found.wrong(TIMELINE, f"line {broken} does not follow from the lines before it")
        return
    head = (manifest or {}).get("timeline")
    if head is None:
        return
    lines = data.count(b"\n")
    if head != {"sha256": hashlib.sha256(data).hexdigest(), "lines": lines}:
        found.wrong(TIMELINE, "does not end where it was sealed")
    else:
        found.holds.append(f"the timeline's chain of {lines} lines")


def _afterwards(held: Holding, keys: Sequence[SSlibKey], found: Verification) -> None:
    """What was added after the seal follows from it, entry by entry, and is by whom it says."""
    if not held.has(AFTERWARDS) or not held.has(SEAL):
        return
    try:
        data, seal = held.read(AFTERWARDS, bounds.MOST_SEAL), held.read(SEAL, bounds.MOST_SEAL)
    except Unreadable as error:
        found.wrong(AFTERWARDS, str(error))
        return
    broken = first_broken(data, before=seal)
    if broken is not None:
        found.wrong(AFTERWARDS, f"line {broken} does not follow from the seal and the lines before it")
        return
    by_id = {key.keyid: key for key in keys}
    for number, text in enumerate(data.splitlines(), 1):
        try:
            if not text.startswith(b"{"):  # the chain passes over it
                raise ValueError("no object")
            line = bounds.parsed(text)
            entry = Entry.model_validate(line)
        except (ValueError, TypeError):
            found.wrong(AFTERWARDS, f"line {number} is no entry")
            if len(found.findings) > MOST_TOLD:
                return
            continue
        what = f"{entry.kind} {entry.id or ''}".strip() + f" by {entry.by}"
        if entry.signature is None:
            found.unchecked.append(f"{what}: not signed")
        elif (signer := by_id.get(entry.signature.get("keyid", ""))) is None:
            keyid = entry.signature.get("keyid", "")
            found.unchecked.append(f"{what}: its signature names key {shown(keyid)}, which was not given")
        elif not _is_signed(line, signer):
            found.wrong(AFTERWARDS, f"line {number}: the signature of the {what} does not hold")
        else:
            found.holds.append(f"{what}: signed with key {shown(signer.keyid)}")


def _is_signed(line: dict[str, Any], key: SSlibKey) -> bool:
    envelope = {
        "payload": b64encode(payload_of(line)).decode(),
        "payloadType": ENTRY_TYPE,
        "signatures": [dict(line["signature"])],
    }
    try:
        Envelope.from_dict(envelope).verify([key], 1)
    except Exception:  # noqa: BLE001 - a tampered signature may fail in any way, and is only ever wrong
        return False
    return True


def _without_seal(held: Holding, record: dict[str, Any] | None, found: Verification) -> None:
    """A pack without a seal: only a record of a version without seals may lack it, and has digests itself."""
    if record is None or version_of(record) >= SEALED_SINCE:
        for name in (SEAL, MANIFEST):
            found.wrong(name, "is missing")
        return
    found.unchecked.append("no seal: it was made by a gameday that did not seal yet")
    _unsealed(held, found)
    for name, kept in held.kept.items():
        if kept.odd is not None:
            found.wrong(name, kept.odd)
    for name, sha256 in record.get("files", {}).items():
        if not held.has(name):
            found.wrong(name, "is missing")
        else:
            _same(held, name, sha256, "the one in the record", found)


def _figures(pack: Pack, record: dict[str, Any], found: Verification) -> None:
    """Measure the run again from its raw samples and its ledger, and compare with the record."""
    again = json.loads(assemble.assemble(pack, assemble.series_told(record)).as_json())
    differences = list(unlike(record, again))
    for path, said, gives in differences[:MOST_TOLD]:
        found.wrong(RECORD, f"{_cut(path)} says {_short(said)}, the raw data give {_short(gives)}")
    if len(differences) > MOST_TOLD:
        found.wrong(RECORD, f"and {len(differences) - MOST_TOLD} figures more are not what the raw data give")
    if not differences:
        rto, rpo = again.get("rto") or {}, again.get("rpo") or {}
        slis = [f"SLI '{sli['name']}'" for sli in again["slis"]]
        figures = ["RTO"] * bool(rto) + ["RPO"] * bool(rpo) + [*slis, f"verdict {again['verdict']}"]
        found.holds.append(f"measured again, the same: {', '.join(figures)}")


def _short(value: Any) -> str:
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}…"
