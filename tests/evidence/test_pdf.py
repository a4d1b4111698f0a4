"""PDF: a real browser prints the report; without one the error says what to install."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gameday.errors import GamedayError
from gameday.evidence.report import page as report
from gameday.evidence.report import pdf
from gameday.evidence.report.painted import painted
from tests.evidence import example
from tests.faults.parts import missing, need


@pytest.fixture(scope="module")
def html(tmp_path_factory) -> str:
    return report.render(example.failover(tmp_path_factory.mktemp("results"), lost=3))


def said_by(program: str, path: Path) -> str:
    command = [program, str(path), *(["-"] if program == "pdftotext" else [])]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def only_browser(folder: Path, monkeypatch, script: str | None) -> None:
    """A PATH with this browser and no other, and no WeasyPrint."""
    folder.mkdir()
    if script is not None:
        browser = folder / "chromium"
        browser.write_text(f"#!/bin/sh\n{script}\n")
        browser.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setitem(sys.modules, "weasyprint", None)


def is_alive(stat: Path) -> bool:
    try:
        return stat.read_text().split()[2] not in "ZX"
    except OSError:
        return False


def test_a_browser_prints_the_whole_report(html, tmp_path):
    if not any(shutil.which(name) for name in pdf.BROWSERS):
        need("chromium")
    need("pdfinfo", "pdftotext")
    made = pdf.write(html, tmp_path / "report.pdf")
    assert int(re.search(r"Pages:\s+(\d+)", said_by("pdfinfo", made))[1]) >= 3
    text = said_by("pdftotext", made)
    for words in ("Failed", "The orders database dies", "3 of 2,184", "Files of this evidence", "ab" * 32):
        assert words in " ".join(text.split())
    assert "file://" not in text, "a header or footer of the browser"
    assert [path.name for path in tmp_path.iterdir()] == ["report.pdf"]


def test_weasyprint_prints_it_too(html, tmp_path, monkeypatch):
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError) as error:  # OSError: Pango is missing
        missing(f"WeasyPrint does not work here: {error}")
    need("pdftotext")
    monkeypatch.setattr(pdf, "BROWSERS", ())
    text = said_by("pdftotext", pdf.write(html, tmp_path / "report.pdf"))
    assert "Failed" in text and "The orders database dies" in text and "heartbeat" in text


def test_without_a_browser_and_without_weasyprint_the_error_says_both_ways(tmp_path, monkeypatch):
    only_browser(tmp_path / "bin", monkeypatch, None)
    with pytest.raises(GamedayError, match=r"install Chromium or Chrome.*pip install 'gameday-dr\[pdf\]'"):
        pdf.write("<p>x</p>", tmp_path / "report.pdf")


def test_a_browser_that_fails_is_quoted_and_leaves_nothing(tmp_path, monkeypatch):
    only_browser(tmp_path / "bin", monkeypatch, "echo 'no display' >&2; exit 1")
    with pytest.raises(GamedayError, match=r"chromium did not print: no display; install"):
        pdf.write("<p>x</p>", tmp_path / "report.pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_a_browser_that_hangs_is_ended_with_its_helpers(tmp_path, monkeypatch):
    sleep = shutil.which("sleep")
    only_browser(tmp_path / "bin", monkeypatch, f"{sleep} 987 & echo $! > {tmp_path}/helper; {sleep} 987")
    started = time.monotonic()
    with pytest.raises(GamedayError, match=r"no answer within 0\.5 s"):
        pdf.write("<p>x</p>", tmp_path / "report.pdf", timeout_s=0.5)
    assert time.monotonic() - started < 10
    helper = Path("/proc", (tmp_path / "helper").read_text().strip(), "stat")
    until = time.monotonic() + 5
    while is_alive(helper) and time.monotonic() < until:
        time.sleep(0.01)
    assert not is_alive(helper)


@pytest.mark.parametrize(("is_root", "has_sandbox"), [(True, False), (False, True)])
def test_the_sandbox_is_given_up_only_as_root(tmp_path, monkeypatch, is_root, has_sandbox):
    only_browser(tmp_path / "bin", monkeypatch, f'echo "$@" > {tmp_path}/said')
    monkeypatch.setattr(os, "geteuid", lambda: 0 if is_root else 1000)
    with pytest.raises(GamedayError):
        pdf.write("<p>x</p>", tmp_path / "report.pdf")
    said = (tmp_path / "said").read_text()
    assert ("--no-sandbox" not in said) == has_sandbox and "--no-pdf-header-footer" in said


def test_a_painted_drawing_takes_nothing_from_the_page(html):
    drawings = re.findall(r"<svg.*?</svg>", painted(html), re.S)
    assert len(drawings) >= 5
    assert not [drawing for drawing in drawings if "var(" in drawing or 'class="fill"' in drawing]
    assert painted(html).count("#c22f45") > html.count("#c22f45")
