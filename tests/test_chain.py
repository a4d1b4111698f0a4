"""A file of lines in which every line names the digest of all that stands before it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from gameday.chain import Chain, first_broken
from gameday.files import read_lines
from tests.disk import Disk, writing_in_part

NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def linked(*texts: str, before: bytes = b"") -> bytes:
    """Lines that follow from each other."""
    data = b""
    for text in texts:
        data += f'{{"n": "{text}", "chain": "{digest(before + data)}"}}\n'.encode()
    return data


def test_every_line_names_the_digest_of_all_that_stands_before_it(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "x")
    assert chain.append({"n": "a"}) == {"n": "a", "chain": NOTHING}
    for number in "bcd":
        before = (tmp_path / "x").read_bytes()
        assert chain.append({"n": number}) == {"n": number, "chain": digest(before)}
    assert (tmp_path / "x").read_bytes() == linked("a", "b", "c", "d")


def test_a_chain_may_follow_something_else_such_as_a_seal(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "x", before=b"seal")
    chain.append({"n": "a"})
    chain.append({"n": "b"})
    data = (tmp_path / "x").read_bytes()
    assert data == linked("a", "b", before=b"seal")
    assert first_broken(data, before=b"seal") is None
    assert first_broken(data, before=b"another seal") == first_broken(data) == 1


def test_what_finish_adds_stands_in_the_line(tmp_path: Path) -> None:
    def signed(linked: dict[str, Any]) -> dict[str, Any]:
        return {**linked, "signature": linked["chain"][:4]}

    line = Chain(tmp_path / "x").append({"n": "a"}, signed)
    assert line == {"n": "a", "chain": NOTHING, "signature": "e3b0"}
    assert (tmp_path / "x").read_text() == f'{{"n": "a", "chain": "{NOTHING}", "signature": "e3b0"}}\n'


def test_a_line_is_on_disk_when_append_returns(disk: Disk, tmp_path: Path) -> None:
    chain = Chain(tmp_path / "x")
    for texts in (("a",), ("a", "b"), ("a", "b", "c")):
        chain.append({"n": texts[-1]})
        assert disk.kept("x") == linked(*texts)


def test_another_writer_may_go_on_and_the_first_again(tmp_path: Path) -> None:
    first, second = Chain(tmp_path / "x"), Chain(tmp_path / "x")
    for writer, text in ((first, "a"), (second, "b"), (second, "c"), (first, "d"), (second, "e")):
        writer.append({"n": text})
    assert (tmp_path / "x").read_bytes() == linked("a", "b", "c", "d", "e")


def test_a_line_that_a_crash_left_torn_is_closed_and_the_next_follows_from_it(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(linked("a") + b'{"n": "b", "ch')
    chain = Chain(tmp_path / "x")
    chain.append({"n": "c"})
    chain.append({"n": "d"})
    data = (tmp_path / "x").read_bytes()
    assert data.startswith(linked("a") + b'{"n": "b", "ch\n{"n": "c"') and data.count(b"\n") == 4
    assert first_broken(data) is None


def test_the_chain_goes_on_after_a_disk_that_took_nothing_and_one_that_took_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = Chain(tmp_path / "x")
    chain.append({"n": "a"})
    for most in (30, 0):
        with monkeypatch.context() as patched:
            writing_in_part(patched, most)
            with pytest.raises(OSError, match="No space left"):
                chain.append({"n": "lost"})
    chain.append({"n": "b"})
    chain.append({"n": "c"})
    data = (tmp_path / "x").read_bytes()
    assert first_broken(data) is None
    assert data.count(b"\n") == 4 and b"lost" in data


def test_a_chain_that_nobody_touched_is_unbroken() -> None:
    assert first_broken(b"") is None
    assert first_broken(linked("a", "b", "c")) is None
    assert first_broken(linked("a", "b", "c")[:-1]) is None  # whole but for its newline


A, B, C = linked("a", "b", "c").splitlines(keepends=True)
ADDED = f'{{"n": "x", "chain": "{digest(A)}"}}\n'.encode()


@pytest.mark.parametrize(
    ("data", "broken"),
    [
        pytest.param(A.replace(b'"a"', b'"x"') + B + C, 2, id="the first changed"),
        pytest.param(A + B.replace(b'"b"', b'"x"') + C, 3, id="a later one changed"),
        pytest.param(A + C, 2, id="dropped"),
        pytest.param(B + C, 1, id="the first dropped"),
        pytest.param(A + C + B, 2, id="moved"),
        pytest.param(A + ADDED + B + C, 3, id="added"),
        pytest.param(A + b"not JSON\n" + B + C, 3, id="a torn one added"),
        pytest.param(A + b"[1]\n" + B + C, 3, id="a foreign one added"),
        pytest.param(A + b'{"n": "b"}\n' + C, 2, id="without a link"),
        pytest.param(A + B + C.replace(b"chain", b"Chain"), 3, id="the last without a link"),
        pytest.param(A + b"\n" + B, 3, id="a blank one added"),
    ],
)
def test_a_line_that_was_tampered_with_shows_at_the_next_one(data: bytes, broken: int) -> None:
    assert first_broken(data) == broken


def test_a_line_that_is_nested_without_end_is_no_entry_and_no_error(tmp_path: Path) -> None:
    nested = b"[" * 100_000 + b"\n"
    data = nested + f'{{"n": "a", "chain": "{digest(nested)}"}}\n'.encode()
    assert first_broken(data) is None and first_broken(b" " + data) == 2
    (tmp_path / "x").write_bytes(data)
    assert [entry["n"] for entry in read_lines(tmp_path / "x")] == ["a"]
