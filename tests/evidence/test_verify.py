"""Sealed packs verify wherever they are, and whatever is changed in them is found, by name."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gameday.evidence import keys
from gameday.evidence.pack import MANIFEST, SEAL, Pack
from gameday.evidence.seal import Sealing, seal
from gameday.evidence.verify import verify
from tests.evidence.conftest import ROOT, KeyPair, frozen, play, serving
from tests.faults.parts import need
from tests.run.conftest import drill

TAMPERINGS = 1000
SEED = 20261123
PACKS = Path(__file__).parent / "packs"


def cli(*arguments: str, cwd: Path, before: tuple[str, ...] = (), **environment: str) -> tuple[int, str]:
    command = [*before, sys.executable, "-m", "gameday", *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, env=env, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def lines_of(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def flip(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


def drop(data: bytes, chance: random.Random) -> bytes:
    lines = lines_of(data)
    del lines[chance.randrange(len(lines))]
    return b"".join(lines)


def swap(data: bytes, chance: random.Random) -> bytes:
    lines = lines_of(data)
    one, other = chance.sample(range(len(lines)), 2) if len(lines) > 1 else (0, 0)
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def duplicate(data: bytes, chance: random.Random) -> bytes:
    lines = lines_of(data)
    at = chance.randrange(len(lines))
    return b"".join([*lines[: at + 1], *lines[at:]])


def truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


BYTES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "flip": flip,
    "drop": drop,
    "swap": swap,
    "duplicate": duplicate,
    "truncate": truncate,
}


def edit_a_figure(folder: Path, chance: random.Random) -> None:
    """Change a figure of the record and redo every hash, as whoever has no key can."""
    path = folder / "record.json"
    record = json.loads(path.read_text())
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)):
            if isinstance(value[key], dict | list):
                walk(value[key])
            elif isinstance(value[key], int | float) and not isinstance(value[key], bool):
                places.append((value, key))

    for part in ("rto", "rpo", "slis", "latency", "recorders", "phases"):
        walk(record.get(part) or {})
    block, key = chance.choice(places)
    block[key] += 1
    path.write_text(json.dumps(record, indent=2))
    manifest = json.loads((folder / MANIFEST).read_text())
    for file in manifest["files"]:
        if file["path"] == path.name:
            file["size"] = path.stat().st_size
            file["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    envelope = json.loads((folder / SEAL).read_text())
    (folder / SEAL).write_text(json.dumps(envelope, indent=2) + "\n")


def tamper(folder: Path, names: list[str], chance: random.Random) -> tuple[str, str]:
    """Do something to a pack; the file that a verification must name, and what was done."""
    how = chance.choice([*BYTES, "remove", "add", "edit"])
    name = chance.choice(names)
    path = folder / name
    if how == "edit":
        edit_a_figure(folder, chance)
        return MANIFEST, how  # what is in it is not believed, so nothing is measured by it
    if how == "add":
        added = f"{chance.choice(['', 'logs/'])}{chance.randrange(10**9)}.log"
        (folder / added).write_text("added")
        return added, how
    if how == "remove":
        path.unlink()
        return name, how
    before = path.read_bytes()
    after = BYTES[how](before, chance) if before else b"added"
    path.write_bytes(after if after != before else flip(before, chance))
    return name, how


def restore(folder: Path, contents: dict[str, bytes]) -> None:
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if path.relative_to(folder).as_posix() not in contents:
            path.unlink()
    for name, content in contents.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)


@pytest.mark.soak
def test_soak_every_one_of_a_thousand_tamperings_with_real_runs_is_found_by_name(
    real_packs: list[Pack], key_pair: KeyPair, tmp_path: Path
) -> None:
    public = keys.public_key(key_pair.public)
    chance = random.Random(SEED)
    done: dict[str, int] = {}
    for number, original in enumerate(real_packs):
        pack = Pack(tmp_path / str(number))
        shutil.copytree(original.folder, pack.folder)
        contents = {
            path.relative_to(pack.folder).as_posix(): path.read_bytes()
            for path in pack.folder.rglob("*")
            if path.is_file() and path.name != ".lock"
        }
        assert verify(pack, public).findings == []
        for _ in range(TAMPERINGS // len(real_packs)):
            expected, how = tamper(pack.folder, sorted(contents), chance)
            named = {finding.file for finding in verify(pack, public).findings}
            assert expected in named, f"{how} of {expected}: {named}"
            done[how] = done.get(how, 0) + 1
            restore(pack.folder, contents)
        assert verify(pack, public).findings == []
    assert sum(done.values()) == TAMPERINGS and len(done) == 8


def test_an_edited_figure_is_named_even_if_everything_else_is_redone(
    real_packs: list[Pack], tmp_path: Path
) -> None:
    pack = Pack(shutil.copytree(real_packs[0].folder, tmp_path / "pack"))
    record = json.loads(pack.record.read_text())
    record["rto"]["seconds"] -= 0.1
    pack.record.write_text(json.dumps(record))
    seal(pack, pack.read_record(), Sealing())  # sealed anew, without a key
    (finding,) = verify(pack).findings
    assert finding.file == "record.json" and finding.message.startswith("rto.seconds says ")


def test_a_cut_tail_of_the_timeline_and_a_broken_chain_are_told_apart(
    real_packs: list[Pack], tmp_path: Path
) -> None:
    pack = Pack(shutil.copytree(real_packs[0].folder, tmp_path / "pack"))
    lines = lines_of(pack.timeline.read_bytes())
    pack.timeline.write_bytes(b"".join(lines[:-1]))
    messages = [str(finding) for finding in verify(pack).findings]
    assert "timeline.jsonl: does not end where it was sealed" in messages
    pack.timeline.write_bytes(b"".join([*lines[:3], *lines[4:]]))
    messages = [str(finding) for finding in verify(pack).findings]
    assert "timeline.jsonl: line 4 does not follow from the lines before it" in messages


def test_a_pack_of_another_key_or_of_none_does_not_verify_with_this_one(
    real_packs: list[Pack], key_pair: KeyPair, tmp_path: Path
) -> None:
    _, other, _ = keys.make(tmp_path, "other")
    findings = verify(real_packs[0], keys.public_key(other)).findings
    assert [finding.file for finding in findings] == [SEAL]
    pack = Pack(shutil.copytree(real_packs[0].folder, tmp_path / "pack"))
    seal(pack, pack.read_record(), Sealing())
    found = verify(pack)
    assert found.findings == [] and "by hashes alone" in found.unchecked[0]
    (finding,) = verify(pack, keys.public_key(key_pair.public)).findings
    assert "it is not signed" in finding.message


def test_a_pack_that_lost_its_seal_is_not_taken_for_an_old_one(
    real_packs: list[Pack], key_pair: KeyPair, tmp_path: Path
) -> None:
    pack = Pack(shutil.copytree(real_packs[0].folder, tmp_path / "pack"))
    for name in (SEAL, MANIFEST):
        (pack.folder / name).unlink()
    assert {finding.file for finding in verify(pack).findings} == {SEAL, MANIFEST}
    record = json.loads(pack.record.read_text())
    pack.record.write_text(json.dumps({**record, "schema": "gameday/record/1"}))
    assert SEAL in {f.file for f in verify(pack, keys.public_key(key_pair.public)).findings}


@pytest.mark.parametrize("name", ["format-1", "rules-1"])
def test_a_pack_of_earlier_rules_verifies_and_is_not_measured_again(name: str, tmp_path: Path) -> None:
    pack = Pack(shutil.copytree(PACKS / name, tmp_path / "pack"))
    found = verify(pack)
    assert found.findings == []
    assert "measured by rules 1; not measured again by rules 3" in found.unchecked
    assert not any("measured again, the same" in line for line in found.holds)
    with pack.journal.open("ab") as file:
        file.write(b" ")
    assert "journal.json" in {finding.file for finding in verify(pack).findings}


def test_a_pack_of_rules_that_measure_alike_is_measured_again_the_same() -> None:
    found = verify(Pack(PACKS / "rules-2"))
    assert found.findings == [] and any("measured again, the same: RTO, RPO" in line for line in found.holds)
    assert "is_first_hand" not in (PACKS / "rules-2/plan.json").read_text()


@pytest.mark.parametrize("later", [{"schema": "gameday/record/99"}, {"rules": 99}])
def test_a_gameday_that_is_too_old_for_a_pack_says_so_in_one_sentence(
    later: dict[str, Any], tmp_path: Path
) -> None:
    folder = shutil.copytree(PACKS / "rules-1", tmp_path / "pack")
    record = json.loads((folder / "record.json").read_text())
    (folder / "record.json").write_text(json.dumps({**record, **later, "what nobody knows yet": 1}))
    for command in (["verify", str(folder)], ["compare", str(folder), str(folder)]):
        code, said = cli(*command, cwd=tmp_path)
        assert code == 2 and said.count("\n") == 1, said
        assert "is too old for" in said and "update gameday" in said


def test_packs_verify_zipped_elsewhere_by_another_user_in_another_zone(
    real_packs: list[Pack], key_pair: KeyPair, tmp_path: Path
) -> None:
    need("unshare")
    key = str(key_pair.public)
    for number, original in enumerate(real_packs):
        folder = shutil.copytree(original.folder, tmp_path / f"a place with blanks {number}" / "pack")
        code, said = cli("verify", str(folder), "--key", key, cwd=tmp_path, TZ="Pacific/Chatham", LC_ALL="C")
        assert code == 0 and "verifies" in said, said
        other = ("unshare", "--user", "--map-user=1234")
        code, said = cli("verify", str(folder), "--key", key, cwd=Path("/"), before=other)
        assert code == 0, said
        archive = shutil.make_archive(str(tmp_path / f"pack-{number}"), "zip", folder.parent, "pack")
        code, said = cli("verify", archive, "--key", key, cwd=tmp_path)
        assert code == 0, said


def test_a_wrong_pack_ends_with_1_and_a_wrong_argument_with_2(
    real_packs: list[Pack], key_pair: KeyPair, tmp_path: Path
) -> None:
    folder = shutil.copytree(real_packs[0].folder, tmp_path / "pack")
    (folder / "journal.json").write_text("{}")
    code, said = cli("verify", str(folder), "--key", str(key_pair.public), cwd=tmp_path)
    assert code == 1 and "✗ journal.json: has 2 bytes" in said and "does not verify" in said
    for arguments in (["nope"], [str(tmp_path)], [str(folder), "--key", str(folder / "record.json")]):
        code, said = cli("verify", *arguments, cwd=tmp_path)
        assert code == 2 and said.startswith("gameday: "), said


def test_a_zip_that_would_write_elsewhere_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../evil", "x")
    code, said = cli("verify", "evil.zip", cwd=tmp_path)
    assert code == 2 and "would write outside of its folder: ../evil" in said
    (tmp_path / "no.zip").write_text("no zip")
    code, said = cli("verify", "no.zip", cwd=tmp_path)
    assert code == 2 and "cannot be opened" in said


@pytest.mark.soak
@pytest.mark.parametrize("number", range(20))
def test_soak_twenty_real_packs_verify_anywhere(number: int, key_pair: KeyPair, tmp_path: Path) -> None:
    chance = random.Random(SEED + number)
    with serving(tmp_path) as service:
        blocks: dict[str, Any] = {}
        if chance.random() < 0.5:
            blocks["ledger"] = {"http": f"{service.url}/orders", "rate": f"{chance.choice([20, 50, 200])}/s"}
        if chance.random() < 0.3:
            blocks["halt"] = [{"when": "health < 50%", "for": "200ms"}]
        method = frozen(service, chance.uniform(0.1, 2))
        pack = play(tmp_path, drill(service, *method, **blocks), key_pair.private)
    key = str(key_pair.public)
    folder = shutil.copytree(pack.folder, tmp_path / "elsewhere" / "pack")
    zone = chance.choice(["Pacific/Chatham", "America/St_Johns", "Asia/Kathmandu"])
    before = ("unshare", "--user", f"--map-user={chance.randrange(1000, 60000)}")
    code, said = cli("verify", str(folder), "--key", key, cwd=Path("/"), before=before, TZ=zone, LC_ALL="C")
    assert code == 0, said


def test_the_example_pack_verifies() -> None:
    found = verify(Pack(ROOT / "results/example"))
    assert found.findings == [] and any("measured again, the same: RTO, RPO" in line for line in found.holds)
