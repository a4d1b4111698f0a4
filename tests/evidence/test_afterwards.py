"""What people add after the seal, and packs that are handed over."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import boto3
import pytest

from gameday.evidence import afterwards, keys
from gameday.evidence.pack import AFTERWARDS, Pack
from gameday.evidence.verify import verify
from tests.aws import use
from tests.evidence.conftest import KeyPair
from tests.evidence.test_verify import cli, lines_of


@pytest.fixture
def pack(real_packs: list[Pack], tmp_path: Path) -> Pack:
    return Pack(shutil.copytree(real_packs[0].folder, tmp_path / "pack"))


@pytest.fixture
def added(pack: Pack, key_pair: KeyPair, tmp_path: Path) -> Pack:
    """A pack with a note, two actions, one of them closed, and a sign-off by another key."""
    keys.make(tmp_path, "boss")
    mine = ("--key", str(key_pair.private), "--by", "ann")
    for words in (
        ("note", "pack", "the pager was silent", *mine),
        (
            "action",
            "pack",
            "add",
            "pager route",
            "--severity",
            "high",
            "--owner",
            "bob",
            "--due",
            "2027-01-31",
            *mine,
        ),
        ("action", "pack", "add", "runbook step 3 is wrong", *mine),
        ("action", "pack", "close", "A1", "routed", *mine),
        ("sign-off", "pack", "--role", "head of risk", "--by", "cleo", "--key", "boss.key"),
    ):
        code, said = cli(*words, cwd=tmp_path)
        assert code == 0 and "signed with key" in said, said
    return pack


def test_what_was_added_is_read_back_and_the_original_still_verifies(
    added: Pack, key_pair: KeyPair, tmp_path: Path
) -> None:
    found = afterwards.read(added)
    assert [note.text for note in found.notes] == ["the pager was silent"]
    first, second = found.actions
    assert (first.id, first.opened.owner, first.opened.due) == ("A1", "bob", "2027-01-31")
    assert first.closed is not None and first.closed.text == "routed" and second.closed is None
    assert [(off.by, off.role, off.accepted) for off in found.sign_offs] == [("cleo", "head of risk", True)]
    code, said = cli("action", "pack", "list", cwd=tmp_path)
    assert code == 0 and said.startswith("A1  closed") and "A2  open" in said
    checked = verify(added, keys.public_key(key_pair.public))
    assert checked.findings == [] and any("which was not given" in line for line in checked.unchecked)
    boss = keys.public_key(tmp_path / "boss.pub")
    checked = verify(added, keys.public_key(key_pair.public), None, [boss])
    assert checked.findings == [] and checked.unchecked == []


def test_every_change_of_what_was_added_is_found(added: Pack, key_pair: KeyPair, tmp_path: Path) -> None:
    public, boss = keys.public_key(key_pair.public), keys.public_key(tmp_path / "boss.pub")
    path = added.folder / AFTERWARDS
    original = path.read_bytes()
    lines = lines_of(original)
    changed = [b"".join(lines[:n] + lines[n + 1 :]) for n in range(len(lines) - 1)]
    changed += [b"".join([lines[1], lines[0], *lines[2:]]), b"".join([*lines, lines[-1]])]
    changed += [original.replace(b"silent", b"loud!!"), original.replace(b"cleo", b"john")]
    changed += [
        original[:at] + bytes([original[at] ^ 1]) + original[at + 1 :] for at in range(0, len(original), 17)
    ]
    for data in changed:
        path.write_bytes(data)
        found = verify(added, public, None, [boss])
        assert {finding.file for finding in found.findings} <= {AFTERWARDS}
        # the name of the last entry's key may be wrong only so far as that nobody knows such a key
        assert found.findings or "which was not given" in found.unchecked[-1]
    path.write_bytes(original)
    assert verify(added, public, None, [boss]).findings == []


def test_entries_of_another_run_do_not_fit(added: Pack, real_packs: list[Pack], tmp_path: Path) -> None:
    other = Pack(shutil.copytree(real_packs[1].folder, tmp_path / "other"))
    shutil.copy(added.folder / AFTERWARDS, other.folder)
    (finding,) = verify(other).findings
    assert finding.message == "line 1 does not follow from the seal and the lines before it"


def test_wrong_words_are_said_and_nothing_is_added(pack: Pack, tmp_path: Path) -> None:
    for words, message in (
        (("action", "pack", "close", "A7"), "has no action 'A7'; it has none"),
        (("action", "pack", "add"), "write: add"),
        (("note", "pack", "x" * 3000), "more than 2000 characters"),
        (("note", "nope", "x"), "there is no run 'nope'"),
    ):
        code, said = cli(*words, cwd=tmp_path)
        assert code == 2 and message in said, said
    assert not (pack.folder / AFTERWARDS).exists()


def test_an_exported_pack_verifies_and_is_the_same_every_time(
    added: Pack, key_pair: KeyPair, tmp_path: Path
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        code, said = cli("export", "pack", folder, cwd=tmp_path)
        assert code == 0, said
    one, two = (next((tmp_path / name).glob("*.zip")) for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes() and one.name == f"{added.run_id}.zip"
    code, said = cli("verify", str(one), "--key", str(key_pair.public), cwd=tmp_path)
    assert code == 0, said


def test_a_pack_is_uploaded_to_s3_and_read_back(
    pack: Pack, aws: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use(aws, monkeypatch)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    code, said = cli("export", "pack", "s3://evidence/2026", cwd=tmp_path)
    assert code == 0 and said.strip() == f"s3://evidence/2026/{pack.run_id}.zip", said
    s3.download_file("evidence", f"2026/{pack.run_id}.zip", str(tmp_path / "back.zip"))
    with zipfile.ZipFile(tmp_path / "back.zip") as archive:
        record = json.loads(archive.read(f"{pack.run_id}/record.json"))
    assert record == json.loads(pack.record.read_text())
    code, said = cli("export", "pack", "s3://no-such-bucket/x", cwd=tmp_path)
    assert code == 2 and "s3://no-such-bucket/x" in said and "NoSuchBucket" in said, said
