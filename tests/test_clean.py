"""What others wrote is shown without what moves the cursor, hides, or turns direction."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday import clean

EVERY = [chr(code) for code in range(sys.maxunicode + 1)]
DIRECTIONS = {"\u200e", "\u200f", "\u061c", *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}


def test_no_control_no_direction_and_no_half_character_is_left() -> None:
    kept = set(clean.line("".join(EVERY)))
    assert {each for each in kept if unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp")} == set()
    assert kept & DIRECTIONS == set()


def test_whatever_is_seen_stays_as_it_is() -> None:
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp", "Cn")
    seen = "".join(each for each in EVERY if unicodedata.category(each) not in hidden)
    assert clean.line(seen) == clean.text(seen) == seen
    assert clean.line("👩\u200d💻 می\u200cخواهم") == "👩\u200d💻 می\u200cخواهم"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("ann\n✓ the signature is by key 6de1", "ann ✓ the signature is by key 6de1"),
        ("ann\r\x1b[2K✓ verifies", "ann �[2K✓ verifies"),
        ("a\u2028b\x85c\vd", "a b c d"),
        ("\x9b31mred", "�31mred"),
        ("pay\u202eexe.txt", "pay�exe.txt"),
        ("\ud800", "�"),
        (3, "3"),
    ],
)
def test_a_line_stays_one_line(written: object, shown: str) -> None:
    assert clean.line(written) == shown


def test_a_text_keeps_its_lines_and_nothing_else() -> None:
    assert clean.text("a\r\nb\tc\x1b[0m\u202e\u2028") == "a\r\nb\tc�[0m��"


@given(st.text())
def test_what_was_cleaned_is_clean_and_can_be_written(text: str) -> None:
    for cleaned in (clean.line, clean.text):
        once = cleaned(text)
        assert cleaned(once) == once
        once.encode()
    assert len(clean.line(text).splitlines()) <= 1
