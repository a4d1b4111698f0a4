"""Verify a pack offline: its signature, every hash, the chain, the schema; then measure it again.

Nothing in the pack is trusted but what the given key has signed. Without a key the hashes show what was
changed by accident, not what was changed on purpose, and the verification says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import tempfile
import zipfile
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from gameday.chain import first_broken
from gameday.errors import GamedayError
from gameday.evidence import assemble, timestamp
from gameday.evidence.afterwards import ENTRY_TYPE, Entry, payload_of
from gameday.evidence.pack import AFTERWARDS, MANIFEST, SEAL, STAMP, Pack, digest
from gameday.evidence.record import SEALED_SINCE, Record, refuse_newer, version_of
from gameday.evidence.seal import PAYLOAD_TYPE, as_json, files_of, shown
from gameday.measure.rules import FIRST, RULES

MOST_FILES = 100_000
MOST_BYTES = 200_000_000_000
CLOSE_ENOUGH = 1e-9  # of a figure, between two processors


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

    def wrong(self, file: str, message: str) -> None:
        """Something is wrong with a file."""
        self.findings.append(Finding(file, message))


def verify(
    pack: Pack, key: SSlibKey | None = None, stamp_roots: Path | None = None, others: Sequence[SSlibKey] = ()
) -> Verification:
    """Verify a pack. key: whose signature is asked for. stamp_roots: certificates of time-stamp authorities.

    others: whose signatures are also believed on what was added after the seal. Raises GamedayError when the
    folder holds no run, or one that a later gameday made.
    """
    found = Verification()
    record = _stored_record(pack, found)
    if _needs_seal(pack, record, key):
        manifest = _seal(pack, key, stamp_roots, found)
        _files(pack, manifest, found)
        _chain(pack, manifest, found)
        _afterwards(pack, [*([key] if key else []), *others], found)
    else:
        found.unchecked.append("no seal: it was made by a gameday that did not seal yet")
        _digests(pack, record or {}, found)
    if record is None:
        return found
    derived = (SEAL, STAMP, MANIFEST, AFTERWARDS, pack.record.name, pack.report.name)
    if any(finding.file not in derived for finding in found.findings):
        found.unchecked.append("not measured again: what it would be measured from was changed")
    else:
        _figures(pack, record, found)
    return found


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Pack]:
    """The pack in a folder, or in a zip that is unpacked for as long as it is needed.

    Raises GamedayError when the zip is none, or would write outside of its folder.
    """
    if path.is_dir():
        yield Pack(path)
        return
    with tempfile.TemporaryDirectory(prefix="gameday-verify-") as name:
        folder = Path(name)
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
                if len(members) > MOST_FILES or sum(member.file_size for member in members) > MOST_BYTES:
                    raise GamedayError(f"{path} is too large for a pack")
                outside = [
                    m.filename
                    for m in members
                    if Path(m.filename).is_absolute() or ".." in Path(m.filename).parts
                ]
                if outside:
                    raise GamedayError(f"{path} would write outside of its folder: {outside[0]}")
                archive.extractall(folder)
        except (OSError, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError) as error:
            raise GamedayError(f"{path} cannot be opened: {error}") from None
        inside = [found.parent for found in folder.rglob("timeline.jsonl")]
        yield Pack(min(inside, key=lambda each: len(each.parts), default=folder))


def _stored_record(pack: Pack, found: Verification) -> dict[str, Any] | None:
    if not pack.folder.is_dir() or not (
        pack.timeline.exists() or pack.record.exists() or (pack.folder / SEAL).exists()
    ):
        raise GamedayError(f"{pack.folder} is not the folder of a run")
    try:
        stored = json.loads(pack.record.read_bytes())
        refuse_newer(stored, pack.folder)
        Record.model_validate(stored)
    except FileNotFoundError:
        found.wrong(pack.record.name, "is missing")
        return None
    except ValidationError as error:
        first = error.errors()[0]
        found.wrong(
            pack.record.name,
            f"does not follow the schema: {'.'.join(map(str, first['loc']))}: {first['msg']}",
        )
        return None
    except ValueError as error:
        found.wrong(pack.record.name, f"is not JSON: {error}")
        return None
    return dict(stored)


def _needs_seal(pack: Pack, record: dict[str, Any] | None, key: SSlibKey | None) -> bool:
    """Whether to look at the seal. Only a record of a version without seals may lack it, without a key."""
    has_seal = (pack.folder / SEAL).exists() or (pack.folder / MANIFEST).exists()
    is_old = record is not None and version_of(record) < SEALED_SINCE
    return has_seal or key is not None or not is_old


def _seal(
    pack: Pack, key: SSlibKey | None, stamp_roots: Path | None, found: Verification
) -> dict[str, Any] | None:
    """Check signature, statement and time stamp; returns the manifest, None when there is none to go by."""
    seal, manifest = pack.folder / SEAL, pack.folder / MANIFEST
    for path in (seal, manifest):
        if not path.is_file():
            found.wrong(path.name, "is missing")
    if seal.is_file():
        _signature(seal.read_bytes(), key, manifest, found)
        _stamp(pack, seal.read_bytes(), stamp_roots, found)
    try:
        read = json.loads(manifest.read_bytes())
        names = [(str(file["path"]), int(file["size"]), str(file["sha256"])) for file in read["files"]]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        found.wrong(MANIFEST, "cannot be read")
        return None
    return {**read, "files": names}


def _signature(data: bytes, key: SSlibKey | None, manifest: Path, found: Verification) -> None:
    try:
        envelope = Envelope.from_dict(json.loads(data))
        subject = json.loads(envelope.payload)["subject"]
        sealed = {each["name"]: each["digest"]["sha256"] for each in subject}
        is_canonical = as_json(envelope.to_dict()) == data
    except Exception:  # noqa: BLE001 - a tampered envelope may fail in any way, and is only ever wrong
        found.wrong(SEAL, "is not a signed statement")
        return
    if envelope.payload_type != PAYLOAD_TYPE or not is_canonical:
        found.wrong(SEAL, "is not as it was written")
    if manifest.is_file() and sealed.get(MANIFEST) != digest(manifest):
        found.wrong(MANIFEST, "is not the manifest that was sealed")
    signed_by = ", ".join(shown(keyid) for keyid in envelope.signatures)
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
    except (VerificationError, ValueError):
        by = f"it is signed by {signed_by}" if signed_by else "it is not signed"
        found.wrong(SEAL, f"there is no valid signature by key {shown(key.keyid)}; {by}")


def _stamp(pack: Pack, seal: bytes, roots: Path | None, found: Verification) -> None:
    path = pack.folder / STAMP
    if not path.is_file():
        if roots is not None:
            found.wrong(STAMP, "is missing")
        return
    try:
        if roots is None:
            when = timestamp.moment(path.read_bytes())
            found.unchecked.append(
                f"the time stamp of {when.isoformat()} was not checked: give --stamp-roots"
            )
        else:
            when = timestamp.check(path.read_bytes(), seal, roots)
            found.holds.append(f"the seal existed at {when.isoformat()}, by its time stamp")
    except (GamedayError, OSError) as error:
        found.wrong(STAMP, str(error))


def _files(pack: Pack, manifest: dict[str, Any] | None, found: Verification) -> None:
    """Every file is the one that was sealed, none is missing, none was added."""
    if manifest is None:
        return
    listed = {name: (size, sha256) for name, size, sha256 in manifest["files"]}
    there = dict(files_of(pack.folder))
    for name in sorted(listed.keys() | there.keys()):
        if name not in there:
            found.wrong(name, "is missing")
        elif name not in listed:
            found.wrong(name, "was added")
        elif not there[name].is_file() or there[name].is_symlink():
            found.wrong(name, "is not a file any more")
        elif there[name].stat().st_size != listed[name][0]:
            found.wrong(name, f"has {there[name].stat().st_size} bytes; {listed[name][0]} were sealed")
        elif digest(there[name]) != listed[name][1]:
            found.wrong(name, "was changed: its SHA-256 is not the sealed one")
    if not found.findings:
        found.holds.append(f"all {len(listed)} files are the sealed ones")


def _chain(pack: Pack, manifest: dict[str, Any] | None, found: Verification) -> None:
    """Every line of the timeline follows from those before it, to the sealed end."""
    if not pack.timeline.is_file():
        return
    data = pack.timeline.read_bytes()
    broken = first_broken(data)
    if broken is not None:
        found.wrong(pack.timeline.name, f"line {broken} does not follow from the lines before it")
        return
    head = (manifest or {}).get("timeline")
    if head is None:
        return
    if head != {"sha256": hashlib.sha256(data).hexdigest(), "lines": data.count(b"\n")}:
        found.wrong(pack.timeline.name, "does not end where it was sealed")
    else:
        found.holds.append(f"the timeline's chain of {head['lines']} lines")


def _afterwards(pack: Pack, keys: Sequence[SSlibKey], found: Verification) -> None:
    """What was added after the seal follows from it, entry by entry, and is by whom it says."""
    path, seal = pack.folder / AFTERWARDS, pack.folder / SEAL
    if not path.is_file() or not seal.is_file():
        return
    data = path.read_bytes()
    broken = first_broken(data, before=seal.read_bytes())
    if broken is not None:
        found.wrong(AFTERWARDS, f"line {broken} does not follow from the seal and the lines before it")
        return
    by_id = {key.keyid: key for key in keys}
    for number, text in enumerate(data.splitlines(), 1):
        try:
            line = json.loads(text)
            entry = Entry.model_validate(line)
        except (ValueError, TypeError):
            found.wrong(AFTERWARDS, f"line {number} is no entry")
            continue
        what = f"{entry.kind} {entry.id or ''}".strip() + f" by {entry.by}"
        if entry.signature is None:
            found.unchecked.append(f"{what}: not signed")
        elif (signer := by_id.get(entry.signature.get("keyid", ""))) is None:
            keyid = entry.signature.get("keyid", "")
            found.unchecked.append(f"{what}: signed with key {shown(keyid)}, which was not given")
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


def _digests(pack: Pack, record: dict[str, Any], found: Verification) -> None:
    """Without a seal: the digests in the record."""
    there = pack.digests()
    for name, sha256 in record.get("files", {}).items():
        if name not in there:
            found.wrong(name, "is missing")
        elif there[name] != sha256:
            found.wrong(name, "was changed: its SHA-256 is not the one in the record")


def _figures(pack: Pack, record: dict[str, Any], found: Verification) -> None:
    """Measure the run again from its raw samples and its ledger, and compare with the record."""
    rules = record.get("rules", FIRST)
    if rules != RULES:
        found.unchecked.append(f"measured by rules {rules}; not measured again by rules {RULES}")
        return
    try:
        again = json.loads(assemble.assemble(pack).as_json())
    except Exception as error:  # noqa: BLE001 - whatever the data do to the measuring, they are wrong
        found.wrong(pack.folder.name, f"cannot be measured again: {type(error).__name__}: {error}")
        return
    differences = list(unlike(record, again))
    for path, said, gives in differences:
        found.wrong(pack.record.name, f"{path} says {_short(said)}, the raw data give {_short(gives)}")
    if not differences:
        rto, rpo = again.get("rto") or {}, again.get("rpo") or {}
        slis = [f"SLI '{sli['name']}'" for sli in again["slis"]]
        figures = ["RTO"] * bool(rto) + ["RPO"] * bool(rpo) + [*slis, f"verdict {again['verdict']}"]
        found.holds.append(f"measured again, the same: {', '.join(figures)}")


def unlike(said: Any, gives: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two records differ: the path, what the first says, what the second says.

    What only the second knows is no difference: a record of an older version has fewer keys.
    """
    if isinstance(said, dict) and isinstance(gives, dict):
        for key in said:
            if key == "schema":
                continue
            inner = f"{path}.{key}" if path else str(key)
            yield from unlike(said[key], gives.get(key), inner)
    elif isinstance(said, list) and isinstance(gives, list) and len(said) == len(gives):
        for index, (one, other) in enumerate(zip(said, gives, strict=True)):
            yield from unlike(one, other, f"{path}[{index}]")
    elif not _is_same(said, gives):
        yield path, said, gives


def _is_same(said: Any, gives: Any) -> bool:
    is_number = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (said, gives))
    return (
        math.isclose(said, gives, rel_tol=CLOSE_ENOUGH)
        if is_number
        else said == gives and type(said) is type(gives)
    )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}…"
