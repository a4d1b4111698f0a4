"""Runs on a shelf at a URL: what is published is what is fetched, and what is hostile there stays there."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import boto3
import fsspec
import pytest
import yaml
from click.testing import CliRunner, Result

from gameday.cli import cli
from gameday.cli.publish import NOT_PUBLISHED, Destination
from gameday.errors import GamedayError
from gameday.evidence import published, remote, shelf
from gameday.evidence.pack import AFTERWARDS, SEAL, Pack
from gameday.evidence.remote import Changed
from tests.aws import use
from tests.evidence.foreign import ANOTHER, EXAMPLE, contents

EXAMPLE_PACK = next(iter(EXAMPLE.glob("*Z-*")), EXAMPLE)


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    made = Pack(Path(shutil.copytree(EXAMPLE_PACK, tmp_path / "mine" / Pack(EXAMPLE_PACK).run_id)))
    (made.folder / AFTERWARDS).unlink(missing_ok=True)
    return made


@pytest.fixture
def url() -> Iterator[str]:
    yield "memory://evidence/2026"
    fsspec.filesystem("memory").store.clear()


def played(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


class Listed:
    """A store that lists and sends what it likes."""

    def __init__(self, *files: tuple[str, int], sent: bytes = b"", runs: tuple[str, ...] = ()) -> None:
        self.listed, self.sent, self.runs = files, sent, runs

    def folders(self) -> Iterator[str]:
        yield from self.runs

    def files(self, _: str) -> Iterator[tuple[str, int]]:
        yield from self.listed

    @contextlib.contextmanager
    def open(self, _: str) -> Iterator[IO[bytes]]:
        yield io.BytesIO(self.sent)


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let every URL be this store."""
    return lambda store: monkeypatch.setattr(published, "remote_folder", lambda _: store)


def test_what_is_published_is_what_is_fetched(pack: Pack, url: str) -> None:
    (pack.folder / ".lock").touch()
    assert published.publish(pack, url) == f"{url}/{pack.run_id}"
    (pack.folder / ".lock").unlink()
    for name in (pack.run_id, pack.run_id[:12], "latest"):
        with shelf.opened(url, name) as fetched:
            assert contents(fetched.folder) == contents(pack.folder)
            assert fetched.folder.name == pack.run_id
    assert not fetched.folder.exists()
    with shelf.opened(Path(), f"{url}/{pack.run_id}/", shelf.OF_THE_RECORD) as fetched:
        assert list(contents(fetched.folder)) == ["record.json"]


def test_the_seal_comes_last_so_that_a_run_without_it_is_not_whole(
    pack: Pack, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(published, "put", lambda _, name, __: order.append(name.rpartition("/")[2]))
    (pack.folder / "seal.tsr").write_bytes(b"a stamp")
    published.publish(pack, url)
    assert order[-3:] == ["manifest.json", "seal.tsr", SEAL] and len(order) == len(contents(pack.folder))


def test_publishing_again_changes_nothing_and_another_run_of_that_name_stays(pack: Pack, url: str) -> None:
    for _ in range(2):
        published.publish(pack, url)
    (pack.folder / SEAL).write_bytes((ANOTHER / SEAL).read_bytes())
    with pytest.raises(GamedayError, match="is there with another seal, and stays as it is"):
        published.publish(pack, url)


def test_what_was_added_there_is_not_lost_by_publishing_again(pack: Pack, url: str) -> None:
    there = f"/evidence/2026/{pack.run_id}/{AFTERWARDS}"
    store = fsspec.filesystem("memory")
    published.publish(pack, url)
    assert played("note", "latest", "one", "--results", url).exit_code == 0
    first = store.cat_file(there)
    for here, after in ((None, first), (b"", first), (first, first), (first + b"{}\n", first + b"{}\n")):
        if here is not None:
            (pack.folder / AFTERWARDS).write_bytes(here)
        published.publish(pack, url)
        assert store.cat_file(there) == after
    (pack.folder / AFTERWARDS).write_bytes(b"{}\n")
    with pytest.raises(GamedayError, match="has other entries there"):
        published.publish(pack, url)


def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_written(far: Any, tmp_path: Path) -> None:
    for name in ("../x", "/etc/x", "a/../../x", "a\\b", "a//b", "a/", "./a", "", "a\0b"):
        far(Listed(("timeline.jsonl", 0), (name, 0), runs=("run",)))
        with pytest.raises(GamedayError, match=r"would write outside of|a name that no pack has"):
            with shelf.opened("x://shelf", "run"):
                pass


def test_a_folder_that_is_no_run_is_none(far: Any) -> None:
    far(Listed(("a", 0), runs=("..", "a/b", "", ".hidden", "x" * 201, "\u202e", "-a", "run-1")))
    with shelf.opened("x://shelf", "latest") as fetched:
        assert fetched.folder.name == "run-1"
    with pytest.raises(GamedayError, match=r"x://shelf: there is no run '\.hidden'"):
        with shelf.opened("x://shelf", ".hidden"):
            pass


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ((("a", 3),), "is not the 3 bytes that were listed"),
        ((("a", 5),), "is not the 5 bytes that were listed"),
        ((("a", 4), ("a", 4)), "cannot be fetched"),
        ((("a", 4), ("a/b", 4)), "cannot be fetched"),
        ((("a" * 300, 4),), "cannot be fetched"),
        ((("\ud800", 4),), "cannot be fetched"),
        ((("a", 1 << 60),), "MiB left"),
        (tuple((f"{number}", 0) for number in range(6)), "more than 5 files"),
    ],
)
def test_a_store_that_lies_or_has_too_much_is_told_so(
    files: tuple[tuple[str, int], ...], says: str, far: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "MOST_FILES", 5)
    far(Listed(*files, sent=b"1234", runs=("run",)))
    with pytest.raises(GamedayError, match=says):
        with shelf.opened("x://shelf", "run"):
            pass


def test_more_runs_than_a_shelf_has_are_not_listed(far: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "MOST_RUNS", 2)
    far(Listed(runs=("a", "b", "c")))
    with pytest.raises(GamedayError, match="more than 2 folders"):
        with shelf.opened("x://shelf", "a"):
            pass


def test_a_link_on_a_shelf_is_not_followed(pack: Pack, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (pack.folder / "logs/secret").symlink_to(tmp_path / "secret")
    with pytest.raises(GamedayError, match="is not a file"):
        with shelf.opened(f"file://{tmp_path}/mine", "latest"):
            pass


def test_what_is_no_pack_is_not_published(pack: Pack, url: str, tmp_path: Path) -> None:
    (pack.folder / "logs/secret").symlink_to("/etc/passwd")
    with pytest.raises(GamedayError, match="is a symbolic link, not a file"):
        published.publish(pack, url)
    (pack.folder / "logs/secret").unlink()
    lines = pack.timeline.read_text().replace(pack.run_id, "../../outside")
    pack.timeline.write_text(lines)
    with pytest.raises(GamedayError, match="is a name that no run has on a shelf"):
        published.publish(pack, url)
    pack.record.unlink()
    with pytest.raises(GamedayError, match=r"no record\.json"):
        published.publish(pack, url)
    assert not fsspec.filesystem("memory").store


def test_what_a_store_does_not_keep_is_told(pack: Pack, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    published.publish(pack, url)
    monkeypatch.setattr(remote.FsspecFolder, "write", lambda *_: None)
    monkeypatch.setattr(remote.FsspecFolder, "replace", lambda *_: None)
    done = played("note", "latest", "one", "--results", url)
    assert f"{AFTERWARDS} is not what was sent" in str(done.exception)
    (pack.folder / "experiment.yaml").write_text("another")
    with pytest.raises(GamedayError, match=r"experiment\.yaml is not what was sent: SHA-256"):
        published.publish(pack, url)


def test_an_error_names_the_shelf_and_not_a_copy_that_is_gone(pack: Pack, url: str) -> None:
    published.publish(pack, url)
    fsspec.filesystem("memory").rm(f"/evidence/2026/{pack.run_id}/record.json")
    with pytest.raises(GamedayError, match=f"{url}/{pack.run_id} is not the folder of a finished run"):
        with shelf.opened(url, "latest") as fetched:
            fetched.read_record()


def test_two_who_add_at_once_do_not_undo_each_other(pack: Pack, url: str) -> None:
    published.publish(pack, url)
    assert played("note", "latest", "one", "--results", url).exit_code == 0
    with shelf.opened(url, "latest", shelf.OF_ENTRIES) as mine:
        before = shelf.entries(mine)
        assert played("note", "latest", "two", "--results", url).exit_code == 0
        with (mine.folder / AFTERWARDS).open("ab") as file:
            file.write(b"{}\n")
        with pytest.raises(GamedayError, match="somebody else has written to it in the meantime"):
            shelf.put_back(url, "latest", mine, before)
    listed = fsspec.filesystem("memory").cat_file(f"/evidence/2026/{pack.run_id}/{AFTERWARDS}")
    assert [json.loads(line)["text"] for line in listed.splitlines()] == ["one", "two"]


def test_a_store_that_is_missing_or_fails_is_one_error_without_a_password() -> None:
    for url, says in (
        ("nonsense://x", "nonsense://x: .*not known"),
        ("gs://bucket/x", "needs a package that is not installed"),
        ("s3:///x", "write s3://bucket/path"),
    ):
        with pytest.raises(GamedayError, match=says):
            published.check(url)
    with pytest.raises(GamedayError, match="broken") as told, remote.reached("ftp://ann:hunter22@host/x"):
        raise OSError("broken: ftp://ann:hunter22@host/x")
    assert "hunter22" not in str(told.value) and "ftp://" in str(told.value)


def test_a_run_that_cannot_be_published_stays_and_ends_with_6_if_it_passed(
    pack: Pack, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    destination = Destination.of(url)
    assert destination.folder == Path("results")
    whole = contents(pack.folder)

    def ended(code: int) -> int:
        outcome: Any = SimpleNamespace(pack=pack, exit_code=code)
        return destination.take(outcome)

    assert (ended(5), "still owes" in capsys.readouterr().err) == (5, True)
    assert not fsspec.filesystem("memory").store
    assert [ended(code) for code in (0, 1, 3)] == [0, 1, 3]
    assert f"published: {url}/{pack.run_id}" in capsys.readouterr().err
    for error in (GamedayError("no room"), KeyboardInterrupt()):

        def fail(*_: object, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(published, "publish", fail)
        assert [ended(code) for code in (0, 1, 4)] == [NOT_PUBLISHED, 1, 4]
        said = capsys.readouterr().err
        assert "not published: " in said and f"gameday publish {pack.folder} {url}" in said
    assert contents(pack.folder) == whole


def test_whoever_undoes_or_halts_wants_a_folder_of_this_machine() -> None:
    for words in (("recover",), ("halt",), ("publish", "latest", "s3://x/y")):
        done = played(*words, "--results", "s3://bucket/x")
        assert done.exit_code == 2 and "a run that is not over is at no URL" in done.output, done.output


@pytest.fixture
def bucket(aws: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    use(aws, monkeypatch)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="shelf", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    yield s3
    for found in s3.list_objects_v2(Bucket="shelf").get("Contents", ()):
        s3.delete_object(Bucket="shelf", Key=found["Key"])
    s3.delete_bucket(Bucket="shelf")


def test_every_command_that_reads_runs_reads_them_from_s3(
    pack: Pack, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    there = ("--results", "s3://shelf/dr")
    done = played("publish", str(pack.folder), "s3://shelf/dr/")
    assert done.output.strip() == f"s3://shelf/dr/{pack.run_id}", done.output
    bucket.put_object(Bucket="shelf", Key="dr/", Body=b"")
    bucket.put_object(Bucket="shelf", Key=f"dr/{pack.run_id}/", Body=b"")
    for text in ("the pager was silent", "and so was the phone"):
        done = played("note", "latest", text, *there, "--by", "ann")
        assert f"not signed: s3://shelf/dr/{pack.run_id}/{AFTERWARDS}" in done.output, done.output
    assert played("action", "latest", "add", "page on lag", *there).exit_code == 0
    assert "A1  open" in played("action", "latest", "list", *there).output
    assert played("sign-off", "latest", *there, "--role", "head of risk").exit_code == 0
    done = played("verify", pack.run_id, *there)
    assert done.exit_code == 0 and done.output.count("not signed") == 4, done.output
    done = played("report", "latest", *there, "--format", "markdown")
    assert done.exit_code == 0, done.output
    assert "the pager was silent" in Path("reports", pack.run_id, "report.md").read_text()
    done = played("compare", "latest", str(pack.folder), *there, "--format", "json")
    assert done.exit_code == 0, done.output
    done = played("export", "latest", "s3://shelf/zips", *there)
    done = played("verify", done.output.strip())
    assert done.exit_code == 0 and f"{pack.run_id} verifies" in done.output, done.output


def test_entries_on_s3_are_replaced_only_as_they_were(bucket: Any) -> None:
    folder = remote.remote_folder("s3://shelf")
    folder.replace("a", None, b"1")
    for before in (None, b"", b"0", b"12"):
        with pytest.raises(Changed):
            folder.replace("a", before, b"2")
    folder.replace("a", b"1", b"2")
    for name, before in (("a", b"2"), ("b", None)):
        put = folder.s3.put_object  # type: ignore[attr-defined]

        def late(put: Any = put, **how: Any) -> Any:
            """Somebody writes between the look and the writing."""
            bucket.put_object(Bucket="shelf", Key=how["Key"], Body=b"theirs")
            return put(**how)

        folder.s3.put_object = late  # type: ignore[attr-defined]
        with pytest.raises(Changed):
            folder.replace(name, before, b"mine")
        folder.s3.put_object = put  # type: ignore[attr-defined]
        assert bucket.get_object(Bucket="shelf", Key=name)["Body"].read() == b"theirs"


def test_a_run_is_published_when_it_is_over_and_no_shelf_is_told_before_it_begins(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    touched = tmp_path / "touched"
    provider = {"type": "process", "path": "touch", "arguments": [str(touched)]}
    touch = {"type": "action", "name": "touch", "provider": provider}
    Path("x.yaml").write_text(yaml.safe_dump({"title": "x", "description": "x", "method": [touch]}))
    done = played("run", "x.yaml", "--plain", "--results", "s3://nowhere/x")
    assert isinstance(done.exception, GamedayError) and "NoSuchBucket" in str(done.exception)
    assert not touched.exists() and not Path("results").exists()
    done = played("run", "x.yaml", "--plain", "--results", "s3://shelf/dr")
    (made,) = shelf.packs(Path("results"))
    assert touched.exists() and f"published: s3://shelf/dr/{made.run_id}" in done.output, done.output
    done = played("verify", "latest", "--results", "s3://shelf/dr")
    assert done.exit_code == 0 and f"{made.run_id} verifies" in done.output, done.output
