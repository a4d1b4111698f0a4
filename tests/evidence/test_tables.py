"""CSV of outages and steps: what a spreadsheet reads, and that it runs none of it."""

from __future__ import annotations

import csv
import io

import pytest

from gameday.evidence.record import Record
from gameday.evidence.report import tables
from tests.evidence import example


@pytest.fixture(scope="module")
def record(tmp_path_factory) -> Record:
    return example.failover(tmp_path_factory.mktemp("results")).read_record()


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_every_outage_is_a_row_with_its_bounds(record):
    rows = rows_of(tables.render_outages(record))
    assert len(rows) == sum(len(sli.outages) for sli in record.slis) > 0
    heartbeat = next(row for row in rows if row["sli"] == "heartbeat")
    outage = next(sli for sli in record.slis if sli.name == "heartbeat").outages[0]
    assert float(heartbeat["length_low_s"]) == outage.low and float(heartbeat["length_s"]) == outage.seconds
    assert heartbeat["start_utc"] == outage.start and heartbeat["bad_samples"] == str(outage.bad)


def test_every_step_is_a_row_in_the_order_of_the_run(record):
    rows = rows_of(tables.render_steps(record))
    assert [row["step"] for row in rows] == [step.name for step in record.steps]
    assert rows[1]["landed"] == "yes" and rows[0]["landed"] == "" and rows[1]["role"] == "fault"
    assert float(rows[1]["start_s"]) == pytest.approx(15.38, abs=0.001)


def test_lines_end_as_rfc_4180_says_and_quotes_and_newlines_survive(record):
    name = 'a, "b"\r\nc'
    steps = [record.steps[0].model_copy(update={"name": name})]
    text = tables.render_steps(record.model_copy(update={"steps": steps}))
    assert text.startswith("run_id,step,") and text.endswith("\r\n")
    assert rows_of(text)[0]["step"] == name


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_that_a_spreadsheet_would_run_is_only_text(record, start):
    formula = f"{start}HYPERLINK(A1)"
    steps = [record.steps[0].model_copy(update={"name": formula, "error": formula})]
    row = rows_of(tables.render_steps(record.model_copy(update={"steps": steps})))[0]
    assert row["step"] == row["error"] == f"'{formula}"


def test_a_negative_number_stays_a_number(record):
    steps = [record.steps[0].model_copy(update={"started": record.started})]
    row = rows_of(tables.render_steps(record.model_copy(update={"steps": steps})))[0]
    assert float(row["start_s"]) == -3.0


def test_an_outage_that_did_not_end_has_no_end(record):
    sli = record.slis[0]
    outage = sli.outages[0].model_copy(update=dict.fromkeys(("end", "ended", "seconds", "low", "high")))
    slis = [sli.model_copy(update={"outages": [outage]})]
    row = rows_of(tables.render_outages(record.model_copy(update={"slis": slis})))[0]
    assert [row[name] for name in ("end_utc", "ended_latest_utc", "length_s", "length_high_s")] == [""] * 4


def test_a_run_without_outages_or_steps_has_only_the_names_of_the_columns(record):
    empty = record.model_copy(update={"slis": [], "steps": []})
    assert tables.render_outages(empty).count("\r\n") == tables.render_steps(empty).count("\r\n") == 1
