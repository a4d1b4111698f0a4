"""The report for a wiki: what it says, and that no text in it becomes markup.

After a change that is meant: GAMEDAY_UPDATE_GOLDEN=1 python -m pytest tests/evidence/test_markdown.py
"""

from __future__ import annotations

import html
import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gameday import clean
from gameday.evidence.record import Record
from gameday.evidence.report import markdown, markup
from tests.evidence import example

GOLDEN = Path(__file__).parent / "golden" / "report.md"
# the hashes of Parquet files follow the version of the library that wrote them
FILES = {"plan.json": "cd" * 32, "samples.parquet": "ef" * 32}
HOSTILE = "# <img src=x onerror=alert(1)> | `code` *b* [l](javascript:x) $a_b$ ~~s~~ &lt; \\| \n- x"


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> Record:
    pack = example.failover(tmp_path_factory.mktemp("results"), lost=5)
    return pack.read_record().model_copy(update={"files": FILES})


def shown(text: str) -> str:
    """What a reader sees of Markdown, in one line."""
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split())


def tags(text: str) -> set[str]:
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text)
    return set(re.findall(r"<([a-z0-9]+)", page))


def test_the_page_is_the_one_on_file(record):
    made = markdown.render(record)
    if os.environ.get("GAMEDAY_UPDATE_GOLDEN") == "1":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(made)
    assert made == GOLDEN.read_text()


def test_it_has_every_part(record):
    text = shown(markdown.render(record))
    for words in (
        "Failed: The orders database dies and the standby takes over",
        *record.reasons,
        "RTO, from impact",
        "✗ missed",
        "the same, from inject",
        "process 4711 is gone, port 5432 refuses",
        "runbooks/postgresql-failover.md#promote",
        "the old primary follows the new one",
        *record.rpo.lost_writes,
        "drill-host",
        "ab" * 32,
        "ef" * 32,
    ):
        assert words in text


def test_every_row_of_a_table_has_as_many_cells_as_its_head(record):
    steps = [step.model_copy(update={"name": HOSTILE, "proof": HOSTILE}) for step in record.steps]
    lines = markdown.render(record.model_copy(update={"steps": steps})).split("\n")
    widths = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
    for above, below in pairwise(widths):
        assert above == below or 0 in (above, below)


def test_hostile_text_is_only_text(record):
    made = markdown.render(
        record.model_copy(
            update={
                "experiment": record.experiment.model_copy(update={"title": HOSTILE}),
                "reasons": [HOSTILE],
                "steps": [step.model_copy(update={"name": HOSTILE}) for step in record.steps],
                "slis": [sli.model_copy(update={"name": HOSTILE}) for sli in record.slis],
            }
        )
    )
    assert tags(made) == tags(markdown.render(record))
    assert shown(made).count(" ".join(HOSTILE.split())) >= 4


@given(st.text())
def test_any_text_is_shown_as_it_is(text):
    wanted = " ".join(clean.line(text).split()) or "–"
    # a reader of Markdown replaces what is no character, and trims
    if "\ufffd" not in wanted:
        assert shown(markup.text(text)) == wanted
        assert wanted in shown("\n".join(markup.table(("a", "b"), [(text, "x")])))
        assert tags(markup.text(text)) <= {"p"}


@given(st.text("#+-=.)*_`|<>&[]()!~$\\0123456789 :ab\n"))
def test_any_markup_is_shown_as_it_is(text):
    wanted = " ".join(text.split()) or "–"
    assert shown(markup.text(text)) == wanted
    assert shown("\n".join(markup.table(("a",), [(text,)]))) == f"a {wanted}"
    assert tags("\n".join(markup.bullets([text]))) == {"ul", "li"}


def test_a_record_with_nothing_in_it_still_makes_a_page(record):
    empty = dict.fromkeys(("rto", "rpo", "service", "load"))
    lists = {name: [] for name in ("phases", "slis", "steps", "undo", "reasons", "recorders")}
    maps = {name: {} for name in ("moments", "environment", "clock", "chaos_toolkit", "files")}
    text = shown(markdown.render(record.model_copy(update={**empty, **lists, **maps, "verdict": "aborted"})))
    assert "No step was played." in text and "Not measured" in text
