"""The seal: a manifest of every file, and a signed statement over it.

`manifest.json` lists each file with its size and SHA-256, and the timeline's head and length.
`seal.json` is an in-toto statement (predicate `test-result`) about the manifest, in a DSSE envelope; without
a key it has no signature and says nothing but hashes. `seal.tsr` is the answer of a time-stamp authority.
"""

from __future__ import annotations

import hashlib
import json
import os
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gameday
from gameday import environment
from gameday.errors import GamedayError
from gameday.evidence.pack import MANIFEST, SEAL, STAMP, WITH_THE_SEAL, Pack, digest
from gameday.evidence.record import Record
from gameday.evidence.report.cases import cases
from gameday.files import write_atomically

# a lock and a kill switch are no evidence
NO_EVIDENCE = (".lock", ".halt")
NOT_SEALED = (*WITH_THE_SEAL, *NO_EVIDENCE)
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
SHOWN_OF_A_KEY = 16


@dataclass(frozen=True, slots=True)
class Sealing:
    """How to seal. key: a path, `awskms:…` or PEM, None for hashes alone; time_stamp: a server's address."""

    key: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    time_stamp: str | None = None

    @classmethod
    def taken(
        cls, key: str | None, time_stamp: str | None, else_key: str | None, else_stamp: str | None
    ) -> Sealing:
        """What is asked for, else what the environment says, which no child inherits, else the rest."""
        server = time_stamp or os.environ.get(environment.TIME_STAMP) or else_stamp
        chosen = key or environment.hidden(environment.KEY) or else_key
        return cls(chosen, environment.hidden(environment.PASSWORD), server)

    def envelope(self, payload: bytes, payload_type: str) -> dict[str, Any]:
        """The payload in a DSSE envelope, signed if there is a key. Raises GamedayError when that fails."""
        if not self.key:
            return unsigned(payload, payload_type)
        from gameday.evidence import keys  # with what it imports half a second, which few runs need

        return keys.envelope(keys.signer(self.key, self.password), payload, payload_type)

    def check(self) -> None:
        """Raise GamedayError when the key cannot sign."""
        self.envelope(b"", PAYLOAD_TYPE)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What became of the seal. keyid is None for hashes alone; troubles say what could not be done."""

    keyid: str | None
    stamped: str | None = None
    troubles: tuple[str, ...] = ()

    def __str__(self) -> str:
        how = f"signed with key {shown(self.keyid)}" if self.keyid else "by hashes alone, not signed"
        return f"sealed: {how}" + (f", time stamp {self.stamped}" if self.stamped else "")


def seal(pack: Pack, record: Record, sealing: Sealing) -> Sealed:
    """Seal a pack that is complete. A key or a server that fails leaves it sealed by hashes, and says so."""
    troubles: list[str] = []
    manifest = as_json(manifest_of(pack, record))
    payload = as_json(statement(manifest, record))
    try:
        envelope = sealing.envelope(payload, PAYLOAD_TYPE)
    except GamedayError as error:
        troubles.append(str(error))
        envelope = unsigned(payload, PAYLOAD_TYPE)
    sealed = as_json(envelope)
    stamp, stamped = _stamp(sealing.time_stamp, sealed, troubles)
    (pack.folder / STAMP).unlink(missing_ok=True)
    write_atomically(pack.folder / MANIFEST, manifest)
    write_atomically(pack.folder / SEAL, sealed)
    if stamp is not None:
        write_atomically(pack.folder / STAMP, stamp)
    keyid = next((str(signature["keyid"]) for signature in envelope["signatures"]), None)
    return Sealed(keyid, stamped, tuple(troubles))


def unsigned(payload: bytes, payload_type: str) -> dict[str, Any]:
    """A DSSE envelope that nobody has signed."""
    return {"payload": b64encode(payload).decode(), "payloadType": payload_type, "signatures": []}


def _stamp(server: str | None, sealed: bytes, troubles: list[str]) -> tuple[bytes | None, str | None]:
    if server is None:
        return None, None
    from gameday.evidence import timestamp

    try:
        response = timestamp.ask(server, sealed)
        return response, timestamp.moment(response).isoformat()
    except GamedayError as error:
        troubles.append(str(error))
        return None, None


def manifest_of(pack: Pack, record: Record) -> dict[str, Any]:
    """Every file of the pack, and where the timeline ended."""
    timeline = pack.timeline.read_bytes()
    return {
        "schema": "gameday/manifest/1",
        "run_id": record.run_id,
        "verdict": record.verdict,
        "sealed": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "gameday": gameday.__version__,
        "timeline": {"sha256": hashlib.sha256(timeline).hexdigest(), "lines": timeline.count(b"\n")},
        "files": [
            {"path": name, "size": path.stat().st_size, "sha256": digest(path)}
            for name, path in files_of(pack.folder)
            if path.is_file() and not path.is_symlink()
        ],
    }


def files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file that a seal covers, by its path in the pack, sorted."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name not in NOT_SEALED and (path.is_symlink() or not path.is_dir()):
            yield name, path


def statement(manifest: bytes, record: Record) -> dict[str, Any]:
    """The in-toto statement about a manifest, and what the run has shown.

    Its tests are the cases of the JUnit report. Policies accept `WARNED` as a test that passed, so only a run
    that passed has cases of which it can say no more than that: whatever else is not known has failed.
    """
    is_passed = record.verdict == "passed"
    asked = list(cases(record))
    open_ones = dict.fromkeys(case.name for case in asked if case.answer == "skipped")
    missed = dict.fromkeys(case.name for case in asked if case.answer in ("failure", "error"))
    failed = missed if is_passed else {**missed, **open_ones}
    warned = [name for name in open_ones if name not in failed]
    passed = dict.fromkeys(case.name for case in asked if case.name not in (*failed, *warned))
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": MANIFEST, "digest": {"sha256": hashlib.sha256(manifest).hexdigest()}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": "PASSED" if is_passed else "FAILED",
            "configuration": [
                {"name": record.experiment.path, "digest": {"sha256": record.experiment.sha256}}
            ],
            "passedTests": list(passed),
            "warnedTests": warned,
            "failedTests": list(failed),
        },
    }


def shown(keyid: str) -> str:
    """A key's id as people compare it."""
    return keyid[:SHOWN_OF_A_KEY]


def as_json(data: dict[str, Any]) -> bytes:
    """JSON as it stands in the pack."""
    return (json.dumps(data, indent=2) + "\n").encode()
