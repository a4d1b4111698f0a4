"""The seal: the manifest of a pack, the statement in its envelope, and a key or a server that fails."""

from __future__ import annotations

import hashlib
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.dsse import Envelope

import gameday
from gameday import environment
from gameday.errors import GamedayError
from gameday.evidence import keys, timestamp
from gameday.evidence import seal as sealing
from gameday.evidence.pack import Pack
from gameday.evidence.record import ExperimentPart, Record
from gameday.evidence.seal import (
    PAYLOAD_TYPE,
    Sealed,
    Sealing,
    as_json,
    files_of,
    manifest_of,
    seal,
    shown,
    statement,
    unsigned,
)

TIMELINE = b'{"event": "run"}\n{"event": "phase"}\n'


class Clock(datetime):
    """A clock that stands still, a fraction into a second."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime(2026, 11, 23, 10, 15, 2, 987_654, tz)


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands still, and the environment says nothing of keys."""
    monkeypatch.setattr(sealing, "datetime", Clock)
    monkeypatch.setattr(environment, "_hidden", {})
    for name in (environment.KEY, environment.PASSWORD, environment.TIME_STAMP):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """A pack of two files and a folder."""
    folder = tmp_path / "20261123T101502Z-drill"
    (folder / "logs").mkdir(parents=True)
    (folder / "timeline.jsonl").write_bytes(TIMELINE)
    (folder / "logs/engine.log").write_bytes(b"ready\n")
    return Pack(folder)


@pytest.fixture
def record() -> Record:
    return Record(
        run_id="20261123T101502Z-drill",
        started="2026-11-23T10:15:02Z",
        ended="2026-11-23T10:16:02Z",
        experiment=ExperimentPart(title="drill", path="experiments/db.yaml", sha256="ab" * 32),
        verdict="passed",
        reasons=[],
        moments={},
        phases=[],
        slis=[],
        latency=[],
        steps=[],
        undo=[],
        recorders=[],
        chaos_toolkit={},
        clock={},
        environment={},
    )


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_the_manifest_has_every_file_with_its_size_and_digest_and_where_the_timeline_ended(
    pack: Pack, record: Record
) -> None:
    assert manifest_of(pack, record) == {
        "schema": "gameday/manifest/1",
        "run_id": "20261123T101502Z-drill",
        "verdict": "passed",
        "sealed": "2026-11-23T10:15:02Z",
        "gameday": gameday.__version__,
        "timeline": {"sha256": sha256(TIMELINE), "lines": 2},
        "files": [
            {"path": "logs/engine.log", "size": 6, "sha256": sha256(b"ready\n")},
            {"path": "timeline.jsonl", "size": len(TIMELINE), "sha256": sha256(TIMELINE)},
        ],
    }


def test_the_seal_itself_and_what_is_no_evidence_are_not_sealed(pack: Pack) -> None:
    for name in ("manifest.json", "seal.json", "seal.tsr", "afterwards.jsonl", ".lock", ".halt"):
        (pack.folder / name).touch()
        (pack.folder / "logs" / name).touch()  # only at the top is it the seal
    (pack.folder / ".hidden").touch()
    names = [name for name, _ in files_of(pack.folder)]
    assert names == sorted(names) and set(names) == {
        ".hidden",
        "logs/.halt",
        "logs/.lock",
        "logs/afterwards.jsonl",
        "logs/engine.log",
        "logs/manifest.json",
        "logs/seal.json",
        "logs/seal.tsr",
        "timeline.jsonl",
    }


def test_links_and_pipes_are_seen_but_are_no_files_of_a_manifest(pack: Pack, record: Record) -> None:
    (pack.folder / "a-link").symlink_to("timeline.jsonl")
    (pack.folder / "b-link").symlink_to("logs")
    os.mkfifo(pack.folder / "c-pipe")
    assert [name for name, _ in files_of(pack.folder)] == [
        "a-link",
        "b-link",
        "c-pipe",
        "logs/engine.log",
        "timeline.jsonl",
    ]
    paths = [file["path"] for file in manifest_of(pack, record)["files"]]
    assert paths == ["logs/engine.log", "timeline.jsonl"]


def test_the_statement_is_of_this_manifest_and_this_experiment(record: Record) -> None:
    said = statement(b"{}\n", record)
    predicate = said.pop("predicate")
    assert said == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "manifest.json", "digest": {"sha256": sha256(b"{}\n")}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
    }
    assert predicate["configuration"] == [{"name": "experiments/db.yaml", "digest": {"sha256": "ab" * 32}}]
    assert predicate["result"] == "PASSED"
    failed = statement(b"{}\n", record.model_copy(update={"verdict": "failed"}))
    assert failed["predicate"]["result"] == "FAILED"


def test_json_stands_in_a_pack_indented_and_ends_with_a_newline() -> None:
    assert as_json({"a": [1]}) == b'{\n  "a": [\n    1\n  ]\n}\n'


def test_an_envelope_without_a_key_has_no_signature() -> None:
    envelope = {"payload": b64encode(b"{}").decode(), "payloadType": "text/x", "signatures": []}
    assert unsigned(b"{}", "text/x") == envelope == Sealing().envelope(b"{}", "text/x")


def test_an_envelope_with_a_key_is_signed_by_it(tmp_path: Path) -> None:
    private, public, keyid = keys.make(tmp_path, "mine")
    made = Sealing(str(private)).envelope(b"{}", "text/x")
    assert [signature["keyid"] for signature in made["signatures"]] == [keyid]
    envelope = Envelope.from_dict(made)
    assert (envelope.payload, envelope.payload_type) == (b"{}", "text/x")
    envelope.verify([keys.public_key(public)], 1)


def test_an_encrypted_key_is_opened_with_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(keys, "signer", lambda *call: asked.append(call))
    monkeypatch.setattr(keys, "envelope", lambda *call: {"signed": call})
    made = Sealing("a.key", "open sesame").envelope(b"{}", "text/x")
    assert asked == [("a.key", "open sesame")] and made == {"signed": (None, b"{}", "text/x")}


def test_a_key_is_checked_by_signing_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private, _, _ = keys.make(tmp_path, "mine")
    Sealing(str(private)).check()
    Sealing().check()
    with pytest.raises(GamedayError, match="cannot be read"):
        Sealing(str(tmp_path / "none.key")).check()
    signed = []
    monkeypatch.setattr(keys, "envelope", lambda _, *call: signed.append(call))
    Sealing(str(private)).check()
    assert signed == [(b"", PAYLOAD_TYPE)]


def test_what_is_asked_for_comes_before_the_environment_and_that_before_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Sealing.taken(None, None, "else.key", "http://else") == Sealing("else.key", None, "http://else")
    assert Sealing.taken(None, None, None, None) == Sealing()
    monkeypatch.setenv("GAMEDAY_SIGNING_KEY", "environment.key")
    monkeypatch.setenv("GAMEDAY_SIGNING_KEY_PASSWORD", "open sesame")
    monkeypatch.setenv("GAMEDAY_TIME_STAMP", "http://environment")
    taken = Sealing.taken(None, None, "else.key", "http://else")
    assert taken == Sealing("environment.key", "open sesame", "http://environment")
    taken = Sealing.taken("asked.key", "http://asked", "else.key", "http://else")
    assert taken == Sealing("asked.key", "open sesame", "http://asked")
    assert "GAMEDAY_SIGNING_KEY" not in environment.of_child()


@pytest.mark.parametrize(
    ("sealed", "words"),
    [
        (Sealed(None), "sealed: by hashes alone, not signed"),
        (Sealed("0123456789abcdef01"), "sealed: signed with key 0123456789abcdef"),
        (Sealed(None, "noon"), "sealed: by hashes alone, not signed, time stamp noon"),
        (Sealed("0123", "noon"), "sealed: signed with key 0123, time stamp noon"),
    ],
)
def test_what_became_of_the_seal_is_said_in_a_line(sealed: Sealed, words: str) -> None:
    assert str(sealed) == words


def test_people_compare_the_first_sixteen_characters_of_a_key() -> None:
    assert shown("0123456789abcdef01234567") == "0123456789abcdef"


def test_a_pack_without_a_key_is_sealed_by_hashes(pack: Pack, record: Record) -> None:
    assert seal(pack, record, Sealing()) == Sealed(None, None, ())
    manifest = (pack.folder / "manifest.json").read_bytes()
    envelope = json.loads((pack.folder / "seal.json").read_bytes())
    assert manifest == as_json(manifest_of(pack, record))
    assert b64decode(envelope["payload"]) == as_json(statement(manifest, record))
    assert (envelope["payloadType"], envelope["signatures"]) == ("application/vnd.in-toto+json", [])
    assert not (pack.folder / "seal.tsr").exists()


def test_a_pack_with_a_key_is_signed(pack: Pack, record: Record, tmp_path: Path) -> None:
    private, public, keyid = keys.make(tmp_path, "mine")
    assert seal(pack, record, Sealing(str(private))) == Sealed(keyid, None, ())
    data = (pack.folder / "seal.json").read_bytes()
    envelope = Envelope.from_dict(json.loads(data))
    envelope.verify([keys.public_key(public)], 1)
    assert envelope.payload_type == PAYLOAD_TYPE and as_json(envelope.to_dict()) == data


def test_a_key_that_fails_leaves_a_pack_that_is_sealed_by_hashes_and_says_so(
    pack: Pack, record: Record, tmp_path: Path
) -> None:
    sealed = seal(pack, record, Sealing(str(tmp_path / "none.key")))
    (trouble,) = sealed.troubles
    assert (sealed.keyid, "none.key cannot be read" in trouble) == (None, True)
    envelope = json.loads((pack.folder / "seal.json").read_bytes())
    manifest = (pack.folder / "manifest.json").read_bytes()
    assert envelope == unsigned(as_json(statement(manifest, record)), PAYLOAD_TYPE)


def stamping(answer: Callable[[], bytes]) -> Any:
    """A time-stamp authority that answers so; it notes what it was asked."""

    def ask(server: str, data: bytes) -> bytes:
        asked.append((server, data))
        return answer()

    asked: list[tuple[str, bytes]] = []
    return ask, asked


def test_a_time_stamp_is_of_the_seal_as_it_stands_in_the_pack(
    pack: Pack, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, asked = stamping(lambda: b"stamp")
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    monkeypatch.setattr(timestamp, "ask", ask)
    monkeypatch.setattr(timestamp, "moment", {b"stamp": noon}.__getitem__)
    sealed = seal(pack, record, Sealing(time_stamp="http://clock"))
    assert sealed == Sealed(None, "2026-11-23T12:00:00+00:00", ())
    assert asked == [("http://clock", (pack.folder / "seal.json").read_bytes())]
    assert (pack.folder / "seal.tsr").read_bytes() == b"stamp"


def test_a_server_that_gives_no_stamp_leaves_none_also_not_that_of_an_earlier_seal(
    pack: Pack, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent() -> bytes:
        raise GamedayError("no stamp today")

    (pack.folder / "seal.tsr").write_bytes(b"earlier")
    monkeypatch.setattr(timestamp, "ask", stamping(silent)[0])
    sealed = seal(pack, record, Sealing(time_stamp="http://clock"))
    assert sealed == Sealed(None, None, ("no stamp today",))
    assert not (pack.folder / "seal.tsr").exists()
    assert (pack.folder / "seal.json").exists()


def test_the_troubles_of_a_key_and_of_a_server_are_both_said(
    pack: Pack, record: Record, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def silent() -> bytes:
        raise GamedayError("no stamp today")

    monkeypatch.setattr(timestamp, "ask", stamping(silent)[0])
    key, stamp = seal(pack, record, Sealing(str(tmp_path / "none.key"), time_stamp="http://clock")).troubles
    assert "cannot be read" in key and stamp == "no stamp today"
