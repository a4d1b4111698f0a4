"""The report as PDF, printed by a browser that is installed, or else by WeasyPrint."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from gameday.environment import of_child
from gameday.errors import GamedayError
from gameday.evidence.report.painted import painted
from gameday.files import write_atomically

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
TIMEOUT_S = 60.0
BOTH_WAYS = (
    "install Chromium or Chrome, so that one of "
    f"{', '.join(BROWSERS)} is on the PATH, or WeasyPrint: pip install 'gameday-dr[pdf]'"
)


def write(html: str, target: Path, *, timeout_s: float = TIMEOUT_S) -> Path:
    """Print the page into `target`. Raises GamedayError when nothing here can, and says what would."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    trouble = "nothing here can print"
    if browser is not None:
        try:
            write_atomically(target, _by_browser(browser, html, target.parent, timeout_s))
            return target
        except _NotPrinted as error:
            trouble = f"{browser} did not print: {error}"
    made = _by_weasyprint(html)
    if made is None:
        raise GamedayError(f"cannot make {target}: {trouble}; {BOTH_WAYS}")
    write_atomically(target, made)
    return target


class _NotPrinted(Exception):
    """The browser gave no PDF; the message says why."""


def _by_browser(browser: str, html: str, folder: Path, timeout_s: float) -> bytes:
    """The page as a browser prints it. The browser gets a profile of its own, and no trace of it is left.

    The files lie beside the target: a browser in a snap sees no other process's /tmp.
    """
    with tempfile.TemporaryDirectory(prefix="printing-", dir=folder, ignore_cleanup_errors=True) as scratch:
        page, printed = Path(scratch, "report.html").resolve(), Path(scratch, "report.pdf").resolve()
        page.write_text(html)
        command = [
            *(browser, "--headless=new", "--disable-gpu", "--disable-extensions", "--disable-sync"),
            *("--no-first-run", "--no-default-browser-check", "--disable-background-networking"),
            f"--user-data-dir={Path(scratch, 'profile').resolve()}",
            *("--no-pdf-header-footer", "--print-to-pdf-no-header", f"--print-to-pdf={printed}"),
            # Chromium refuses its sandbox to root; anybody else keeps it
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            page.as_uri(),
        ]
        said = _run(command, timeout_s)
        try:
            made = printed.read_bytes()
        except OSError:
            raise _NotPrinted(said) from None
        if not made.startswith(b"%PDF-"):
            raise _NotPrinted(f"what it wrote is no PDF; {said}")
        return made


def _run(command: list[str], timeout_s: float) -> str:
    """Run to the end, or end it with all its children; the last line that it said."""
    try:
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=of_child(),
        ) as process:
            try:
                _, said = process.communicate(timeout=timeout_s)
            finally:
                # its helpers are of its group, and may outlive it
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    except OSError as error:
        raise _NotPrinted(str(error.strerror)) from None
    except subprocess.TimeoutExpired:
        raise _NotPrinted(f"no answer within {timeout_s:g} s") from None
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit code {process.returncode}"


def _by_weasyprint(html: str) -> bytes | None:
    """The page as WeasyPrint prints it; None when it is not installed. Nothing is fetched."""
    try:
        from weasyprint import HTML
    except (ImportError, OSError):  # OSError: its libraries of the system are missing
        return None
    made: bytes = HTML(string=painted(html), base_url=None).write_pdf()
    return made
