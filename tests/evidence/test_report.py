"""The report: what it says, what it never says, and that it is one page that needs nothing else."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from gameday.errors import GamedayError
from gameday.evidence.pack import Pack
from gameday.evidence.plots import buckets, colours
from gameday.evidence.plots import drawing as plots
from gameday.evidence.record import RpoPart
from gameday.evidence.report import page as report
from gameday.evidence.report import wording
from gameday.units import spoken
from tests.evidence import example

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """A page as text, tags with attributes, and whatever is not closed properly."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.faults: list[str] = []
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def drill(tmp_path_factory) -> Pack:
    return example.failover(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Pack:
    return example.plain(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def html(drill) -> str:
    return report.render(drill)


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def copy(drill: Pack, tmp_path, **update) -> Pack:
    return example.change(example.again(drill, tmp_path), **update)


def shown(pack: Pack) -> Page:
    return Page(report.render(pack))


def test_it_says_the_verdict_the_figures_and_their_bounds(page, drill):
    rto = drill.read_record().rto
    assert "passed" in page.text
    assert spoken(rto.seconds) in page.text and "✓ met" in page.text
    assert (
        f"Between {wording.below(rto.low)} and {wording.above(rto.high)} s , counted from impact" in page.text
    )
    assert "objective 30 s" in page.text
    assert "0 of 2,184 acknowledged writes lost; every write was read back" in page.text


def test_it_has_every_part(page):
    headings = "Result Timeline Latency Ledger Steps Undo Recorders Outages".split()
    assert [heading for heading in headings if heading not in page.text] == []
    for words in (
        "What customers saw",
        "How it was measured",
        "process 4711 is gone, port 5432 refuses",
        "runbooks/postgresql-failover.md#promote",
        "the old primary follows the new one",
        "probe-heartbeat",
        "chaostoolkit-lib",
        "ab" * 32,
        "samples.parquet",
        "utc drift seconds",
        "engine-ended",
    ):
        assert words in page.text


def test_it_is_well_formed_with_unique_ids_and_every_reference_in_place(page, html):
    assert page.faults == [] and page.open == []
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    references = re.findall(r"url\(#([^)]+)\)", html)
    for _, attributes in page.tags:
        references += (attributes.get("aria-labelledby") or "").split()
        if "href" in attributes:
            references.append(attributes["href"].removeprefix("#"))
    assert set(references) <= set(ids)


def test_it_fetches_nothing_and_runs_nothing(page, html):
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "img", "iframe", "object", "embed", "image")
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcset")]
        assert (attributes.get("href") or "#").startswith("#")
    assert "http://" not in html and "https://" not in html and "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_it_can_be_read_without_seeing_it(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all("scope" in attributes for attributes in page.named("th"))
    plotted = [attributes for attributes in page.named("svg") if attributes.get("class") != "symbol"]
    assert len(plotted) >= 3
    assert all(svg.get("role") == "img" and svg.get("aria-labelledby") for svg in plotted)


def test_the_plots_take_their_colours_and_font_from_the_page(html):
    assert "var(--bad)" in html and "var(--grid)" in html
    svg = "".join(re.findall(r"<svg.*?</svg>", html, re.S))
    assert not re.search(r"#0101|DejaVu|<metadata|<style|<\?xml", svg)
    assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", svg)) <= {
        "none",
        *(f"var(--{name})" for name in colours.COLOURS.values()),
    }


def test_every_sli_is_plotted_with_its_objective_phases_and_numbered_moments(html):
    timeline = re.search(r'<svg class="plot".*?</svg>', html, re.S)[0]
    for words in ("availability", "order latency", "heartbeat", "objective 99% good in each 5 s", "baseline"):
        assert f">{words}<" in timeline
    for words in ("Load: requests and failures per second", "Ledger: writes per second", "p99"):
        assert f">{words}<" in timeline
    for words in ("inject: kill the primary", "failover: fence the old primary", "recovered", "impact"):
        assert words in html


def test_the_report_is_a_pure_function_of_the_pack(drill, html, tmp_path):
    assert report.render(drill) == html
    assert report.render(example.again(drill, tmp_path)) == html


def test_it_is_written_whole_beside_the_record(drill, html):
    assert report.write(drill) == drill.report
    assert drill.report.read_text() == html


def test_a_hostile_title_is_only_text(tmp_path):
    title = '<script>alert("x")</script> ${7*7} {{7*7}} "\' </title>'
    pack = example.failover(tmp_path, title=title)
    record = pack.read_record()
    hostile = [
        sli.model_copy(update={"name": f"{sli.name} <img src=x onerror=alert(1)> $a_b$"})
        for sli in record.slis
    ]
    steps = [step.model_copy(update={"name": title, "proof": title, "error": title}) for step in record.steps]
    plan = pack.plan.read_text()
    for sli in record.slis:
        plan = plan.replace(f'"{sli.name}"', f'"{sli.name} <img src=x onerror=alert(1)> $a_b$"')
    pack.plan.write_text(plan)
    page = shown(example.change(pack, slis=hostile, steps=steps, reasons=[title]))
    assert page.named("script") == [] and page.named("img") == []
    assert page.faults == []
    assert title in page.text


def test_lost_writes_are_counted_classified_and_listed(tmp_path):
    page = shown(example.failover(tmp_path, lost=37))
    assert "37 of 2,184 acknowledged writes lost" in page.text and "✗ missed" in page.text
    assert re.search(r"Acknowledged 2,147 survived 36 lost 1 lost 2,184", page.text)
    assert re.search(r"Refused 0 phantom 58 as it should be 0 58", page.text)
    assert "769 corrupt" in page.text


def test_a_long_list_of_lost_writes_is_cut_and_says_so(tmp_path):
    page = shown(example.failover(tmp_path, lost=400))
    assert "The first 60 of 400; all are in ledger.parquet" in page.text


def test_service_that_never_came_back_has_no_number(tmp_path):
    page = shown(example.failover(tmp_path, back_s=99, deadline_s=12))
    assert "> 12 s" in page.text and "not seen to recover before the deadline of 12 s" in page.text
    assert "not ended" in page.text and "✗ missed" in page.text


def test_no_impact_is_never_an_rto_of_zero(tmp_path):
    page = shown(example.failover(tmp_path, has_impact=False))
    figures = re.findall(r"time without service (.*?) RPO", page.text)
    assert "no impact seen" in figures[0] and not re.search(r"(?<!\d)0 s", figures[0])
    assert "No SLI missed its objective" in page.text


def test_an_aborted_run_does_not_claim_to_have_waited_for_the_deadline(tmp_path):
    page = shown(example.failover(tmp_path, aborted="SIGINT: stopped by hand"))
    assert "The drill was stopped before its end" in page.text and "SIGINT: stopped by hand" in page.text
    assert "not recovered" in page.text and "> 1 min 30 s" not in page.text


def test_a_plain_chaos_toolkit_run_has_its_steps_and_says_what_it_did_not_measure(bare):
    page = shown(bare)
    assert "kill the primary" in page.text and "Not measured" in page.text
    assert "The steady state held" in page.text and "Every objective was met" not in page.text
    assert "What customers saw" not in page.text and "Latency by phase" not in page.text
    assert page.faults == [] and "This run has no samples to plot" in page.text


@pytest.mark.parametrize("missing", ["slis", "load", "ledger"])
def test_a_part_that_the_experiment_did_not_ask_for_is_left_out(missing, tmp_path):
    page = shown(example.failover(tmp_path, **{missing: False}))
    gone = {"slis": "What customers saw", "load": "Load: requests", "ledger": "Ledger: writes"}[missing]
    assert gone not in page.text and "Not measured" in page.text
    assert page.faults == [] and any(svg.get("class") == "plot" for svg in page.named("svg"))


@pytest.mark.parametrize("verdict", ["passed", "failed", "inconclusive", "halted", "aborted"])
def test_every_verdict_has_a_word_and_a_symbol(verdict, bare, tmp_path):
    page = shown(copy(bare, tmp_path, verdict=verdict))
    assert {"class": f"banner {verdict}"} in page.named("header")
    assert f"Why {verdict}" in page.text and page.named("svg")[0]["class"] == "symbol"


def test_a_record_with_nothing_in_it_still_makes_a_page(drill, tmp_path):
    pack = copy(
        drill,
        tmp_path,
        **{"verdict": "aborted", "reasons": [], "rto": None, "rpo": None, "service": None, "load": None},
        **{"moments": {}, "phases": [], "slis": [], "latency": [], "steps": [], "undo": [], "recorders": []},
        **{"chaos_toolkit": {}, "clock": {}, "environment": {}, "files": {}},
    )
    for path in (pack.samples, pack.ledger, pack.timeline, pack.plan):
        path.unlink()
    page = shown(pack)
    assert page.faults == [] and "No step was played" in page.text


def test_a_figure_that_nobody_could_measure_is_not_known(drill, tmp_path):
    record = drill.read_record()
    rto = record.rto.model_copy(
        update={"seconds": None, "low": None, "high": None, "from_": "declare", "met": None}
    )
    rpo = record.rpo.model_copy(update={"seconds": None, "not_read": 12, "met": None})
    page = shown(copy(drill, tmp_path, rto=rto, rpo=rpo))
    assert page.text.count("not known") == 3 and page.text.count("? undecided") == 2
    assert "12 were not read back" in page.text


def test_counts_stand_in_for_a_ledger_that_is_not_in_the_pack():
    counts = dict.fromkeys(("corrupt", "duplicated", "split_brain"), 0)
    rpo = RpoPart(
        **{"seconds": 1.0, "objective": 0.0, "met": False, "acknowledged": 10, "survived": 7, "lost": 2},
        **{"unknown": 5, "unknown_survived": 1, "refused": 3, "phantom": 1, "not_read": 1, **counts},
    )
    assert report.matrix_of_counts(rpo) == [
        ("acknowledged", [7, 2, 0, 1]),
        ("refused", [1, 2, 0, 0]),
        ("unknown", [1, 4, 0, 0]),
    ]


def test_unreadable_samples_are_an_error_that_names_the_file(drill, tmp_path):
    pack = example.again(drill, tmp_path)
    pack.samples.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(GamedayError, match=r"samples\.parquet is no Parquet file"):
        report.render(pack)


@pytest.mark.alone
def test_a_hundred_thousand_samples_are_drawn_in_under_three_seconds(tmp_path):
    pack = example.failover(tmp_path, per_s=2000)
    assert sum(recorder.samples for recorder in pack.read_record().recorders) > 90_000
    started = time.perf_counter()
    html = report.render(pack)
    assert time.perf_counter() - started < 3
    assert len(html) < 500_000


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"),
        (1.0, "100.000"),
        (0.9999999, "> 99.999"),
        (0.999, "99.900"),
        (0.0, "0.000"),
        (1e-9, "< 0.001"),
    ],
)
def test_a_share_that_is_not_whole_is_never_shown_as_whole(share, text):
    assert wording.percent(share) == text


def test_bounds_are_rounded_outwards():
    assert (wording.below(2.2979), wording.above(2.3381)) == ("2.297", "2.339")
    assert (wording.below(2.297), wording.above(1234.338)) == ("2.297", "1,234.338")


@pytest.mark.parametrize("wanted", [[], [5.0], [1.0, 1.0, 1.0, 9.0], [0.0, 0.1, 9.9, 10.0], [5.0] * 8])
def test_numbers_are_spread_in_order_without_touching(wanted):
    places = plots.spread(wanted, 1.0, 0.0, 10.0)
    assert all(after - before >= 1.0 - 1e-9 for before, after in pairwise(places))
    assert all(-1e-9 <= place <= 10 + 1e-9 for place in places)


def test_a_number_that_touches_no_other_stays_where_it_is():
    assert plots.spread([1.0, 5.0, 9.0], 1.0, 0.0, 10.0) == [1.0, 5.0, 9.0]


def test_buckets_cover_the_range_and_are_round():
    edges_s = buckets.edges(-2.95, 46.04, buckets.bucket_s(49, 100_000))
    assert (edges_s[0], edges_s[-1]) == (-2.95, 46.04)
    assert np.all(np.diff(edges_s) >= 0.25 - 1e-9) and len(edges_s) <= buckets.MAX_BUCKETS + 2


def test_a_template_that_is_kept_compiled_or_cannot_be_makes_the_same_page(drill, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    first, again = report.render(drill), report.render(drill)
    kept = list(tmp_path.rglob("*.cache"))
    kept[0].write_bytes(b"no code")
    damaged = report.render(drill)
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    assert len(kept) == 1 and first == again == damaged == report.render(drill)
