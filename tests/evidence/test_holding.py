"""What is never opened, followed or unpacked of a pack that others made."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gameday.errors import GamedayError
from gameday.evidence import afterwards, export, holding, keys, pages, timestamp, verify
from gameday.evidence.bounds import OutOfBounds
from gameday.evidence.holding import InFolder, opened
from gameday.evidence.limits import within
from gameday.evidence.pack import SEAL, Pack
from gameday.evidence.report import forms
from gameday.evidence.seal import Sealing, seal
from gameday.reading import Unreadable
from tests.evidence.foreign import EXAMPLE, Signed, contents, reseal, signed

MIB = 1 << 20


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    return signed(tmp_path_factory.mktemp("signed"))


@pytest.fixture
def pack(original: Signed, tmp_path: Path) -> Pack:
    return Pack(Path(shutil.copytree(original.pack.folder, tmp_path / "pack")))


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def changed(pack: Pack, name: str, data: bytes) -> None:
    """Change a file and redo every hash, without a key."""
    files = {**contents(pack.folder), name: data}
    reseal(files)
    for each, content in files.items():
        (pack.folder / each).write_bytes(content)
    (pack.folder / "afterwards.jsonl").unlink(missing_ok=True)


def test_a_zip_that_unpacks_to_far_more_than_itself_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opens(*_: object) -> None:
        raise AssertionError("something was unpacked")

    monkeypatch.setattr(holding, "MOST_UNPACKED", 2 * MIB)
    path = zipped(tmp_path / "bomb.zip", ("run/record.json", b"{}"), ("run/x", bytes(3 * MIB)))
    monkeypatch.setattr(zipfile.ZipFile, "open", opens)
    with pytest.raises(GamedayError, match="is too large for a pack: 2 files, 3 MiB out of 0 MiB"):
        with opened(path):
            pass


def test_a_size_that_the_directory_hides_ends_the_reading(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", ("run/record.json", b"{}"), ("run/x", bytes(MIB)))
    data = path.read_bytes()
    for size in (b"\0\0\x10\0", MIB.to_bytes(4, "little")):
        data = data.replace(size, (100).to_bytes(4, "little"))
    path.write_bytes(data)
    with opened(path) as held, pytest.raises(Unreadable, match="cannot be read"):
        assert held.kept["x"].size == 100
        held.digest("x")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../x", "would write outside"),
        ("/x", "would write outside"),
        ("run/../../x", "would write outside"),
        ("run/./x", "a name that no pack has"),
        ("run//x", "a name that no pack has"),
        ("run\\x", "a name that no pack has"),
    ],
)
def test_a_zip_with_a_name_that_leads_elsewhere_is_refused(name: str, says: str, tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", ("run/record.json", b"{}"), (name, b"x"))
    with pytest.raises(GamedayError, match=says), opened(path):
        pass


@pytest.mark.parametrize("spoil", [lambda data: data[:-30], lambda data: b"PK" + data[40:], lambda data: b""])
def test_a_zip_that_is_broken_is_said_to_be(spoil: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", ("run/record.json", b"{}"))
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(GamedayError), opened(path) as held:
        held.digest("record.json")


def test_a_name_that_is_no_utf_8_is_an_error_of_one_line(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", ("run/record.json", b"{}"), ("run/ä", b"x"))
    path.write_bytes(path.read_bytes().replace("ä".encode(), b"\xff\xfe"))
    with pytest.raises(GamedayError, match="cannot be opened"), opened(path):
        pass


def test_a_pipe_a_device_and_a_link_are_told_and_never_opened(pack: Pack) -> None:
    for name in ("record.json", "timeline.jsonl", "samples.parquet", SEAL):
        (pack.folder / name).unlink()
    os.mkfifo(pack.record)
    pack.timeline.symlink_to("/dev/zero")
    pack.samples.symlink_to("/etc/passwd")
    (pack.folder / SEAL).symlink_to(EXAMPLE / SEAL)
    with pytest.raises(GamedayError, match="is not the folder of a run"):
        verify.verify(pack)
    shutil.copy(EXAMPLE / "timeline.jsonl", pack.folder / "aside")
    pack.timeline.unlink()
    (pack.folder / "aside").rename(pack.timeline)
    told = {finding.file: finding.message for finding in verify.verify(pack).findings}
    assert told["record.json"] == "is not a file"
    assert told["samples.parquet"] == told[SEAL] == "is a symbolic link, not a file"


def test_a_deep_tree_and_many_files_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = tmp_path
    for _ in range(30):
        here = here / "d"
        here.mkdir()
    (here / "x").touch()
    assert list(InFolder(tmp_path).kept) == ["d/" * 30 + "x"]
    monkeypatch.setattr(holding, "MOST_FILES", 0)
    with pytest.raises(GamedayError, match="too many for a pack"):
        InFolder(tmp_path)


def test_nothing_is_parsed_or_measured_under_a_signature_that_does_not_hold(
    pack: Pack, original: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> Any:
        raise AssertionError("it was looked at")

    monkeypatch.setattr(pages, "check", never)
    monkeypatch.setattr(verify, "_stored_record", never)
    seal(pack, pack.read_record(), Sealing())
    found = verify.verify(pack, keys.public_key(original.public))
    assert SEAL in {finding.file for finding in found.findings}
    assert not any("measured again, the same" in line for line in found.holds)


def test_nothing_is_measured_when_a_hash_does_not_hold(
    pack: Pack, original: Signed, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[object] = []
    monkeypatch.setattr(verify, "_figures", lambda *given: measured.append(given))
    public = keys.public_key(original.public)
    verify.verify(pack, public)
    assert len(measured) == 1
    pack.samples.write_bytes(b"x")
    found = verify.verify(pack, public)
    assert len(measured) == 1 and any("not measured again" in line for line in found.unchecked)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"slis": ' + b"[0," * 4_000_000,
        b"9" * 5_000,
        b'{"slis": [' + b"{}," * 1001 + b"{}]}",
    ],
)
def test_a_plan_that_no_run_has_is_not_measured_by(data: bytes, pack: Pack) -> None:
    changed(pack, "plan.json", data)
    (finding,) = verify.verify(pack).findings
    assert finding.file == "pack" and finding.message.startswith("cannot be measured again: ")
    with pytest.raises(GamedayError):
        list(forms.write(pack, ["html"], pack.folder.parent / "reports"))


def test_names_of_samples_fill_no_memory(pack: Pack) -> None:
    pack.samples.unlink()
    pack.ledger.unlink()
    pack.raw.mkdir()
    for source in ("load.1", "probe-heartbeat", "ledger"):
        (pack.raw / f"{source}.samples").write_bytes(b"")
        (pack.raw / f"{source}.names").write_bytes(b'{"number": 100000000000, "name": "x"}\n')
    files = contents(pack.folder)
    for name in ("samples.parquet", "ledger.parquet", "afterwards.jsonl"):
        files.pop(name, None)
    reseal(files)
    (pack.folder / "afterwards.jsonl").unlink()
    for name in ("manifest.json", SEAL):
        (pack.folder / name).write_bytes(files[name])
    assert "MemoryError" not in str(verify.verify(pack).findings)


def test_an_export_stays_where_it_was_sent_whatever_the_run_calls_itself(pack: Pack, tmp_path: Path) -> None:
    lines = pack.timeline.read_text().splitlines(keepends=True)
    first = json.loads(lines[0])
    for number, run_id in enumerate(("../../../outside", "/tmp/outside", "..", "a/b", "x\n", "", "\u202e")):
        lines[0] = json.dumps({**first, "run_id": run_id}) + "\n"
        pack.timeline.write_text("".join(lines))
        where = tmp_path / "here" / str(number)
        where.mkdir(parents=True)
        written = Path(export.export(pack, str(where)))
        assert written.parent == where and list(where.iterdir()) == [written]
        with zipfile.ZipFile(written) as archive:
            (top,) = {name.split("/")[0] for name in archive.namelist()}
        assert top == written.stem and not {"..", "", "."} & {top}


@pytest.mark.parametrize("name", ["logs/secret", "secret", "report.html"])
@pytest.mark.parametrize("target", ["/etc/passwd", "/etc"])
def test_what_a_link_leads_to_is_not_handed_over_and_not_written_to(
    name: str, target: str, pack: Pack, tmp_path: Path
) -> None:
    (pack.folder / name).unlink(missing_ok=True)
    (pack.folder / name).symlink_to(target)
    with pytest.raises(GamedayError, match="is a symbolic link, not a file"):
        export.export(pack, str(tmp_path))
    with pytest.raises(GamedayError, match="is a symbolic link, not a file"):
        list(forms.write(pack, ["csv"], tmp_path / "reports"))
    assert not list(tmp_path.glob("*.zip"))


def test_an_exported_zip_holds_and_a_byte_of_it_changed_does_not(
    pack: Pack, original: Signed, tmp_path: Path
) -> None:
    (pack.folder / ".lock").touch()
    path = Path(export.export(pack, str(tmp_path)))
    public = keys.public_key(original.public)
    with opened(path) as held:
        found = verify.verify(held, public)
        assert found.findings == [] and any("measured again, the same" in line for line in found.holds)
        assert found.run_id == pack.run_id and ".lock" not in held.kept


def test_a_signature_that_was_forged_is_not_called_one_by_the_report(pack: Pack, tmp_path: Path) -> None:
    entry = afterwards.add(pack, Sealing(), "sign-off", "the auditor", accepted=True)
    path = pack.folder / "afterwards.jsonl"
    forged = {
        **json.loads(path.read_text().splitlines()[-1]),
        "signature": {"keyid": "ab" * 32, "sig": "AAAA"},
    }
    path.write_text("".join([*path.read_text().splitlines(keepends=True)[:-1], json.dumps(forged) + "\n"]))
    assert entry.signature is None
    (made,) = forms.write(pack, ["markdown"], tmp_path)
    text = made.read_text()
    assert "signature under key abababababababab, not checked here" in text
    assert ", signed" not in text


def test_what_never_ends_ends_with_the_limit(pack: Pack) -> None:
    asked = signal.getsignal(signal.SIGALRM), resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(OutOfBounds, match="it takes longer than 50 ms"), within(0.05):
        while True:
            with contextlib.suppress(GamedayError):  # whoever swallows it is ended again
                time.sleep(10)
            time.sleep(10)
    with pytest.raises(OutOfBounds, match="more memory than there is"), within():
        bytearray(1 << 50)
    assert asked == (signal.getsignal(signal.SIGALRM), resource.getrlimit(resource.RLIMIT_AS))


def test_roots_that_are_none_are_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("no certificates")
    with pytest.raises(GamedayError, match="holds no certificates"):
        timestamp.check(b"x", b"x", tmp_path / "roots.pem")
