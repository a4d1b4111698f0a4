"""The forms of a report, and where each is written: one more form is one more entry in `FORMS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gameday.errors import GamedayError
from gameday.evidence import afterwards
from gameday.evidence.holding import InFolder
from gameday.evidence.pack import LONGEST_WHY, Pack
from gameday.evidence.report import junit, markdown, pdf, tables
from gameday.evidence.report import page as report
from gameday.files import write_atomically

Writer = Callable[[Pack, Path], list[Path]]


def _html(pack: Pack, folder: Path) -> list[Path]:
    return [_put(folder / pack.report.name, report.render(pack))]


def _markdown(pack: Pack, folder: Path) -> list[Path]:
    return [_put(folder / "report.md", markdown.render(pack.read_record(), afterwards.read(pack)))]


def _junit(pack: Pack, folder: Path) -> list[Path]:
    return [_put(folder / "junit.xml", junit.render(pack.read_record()))]


def _csv(pack: Pack, folder: Path) -> list[Path]:
    record = pack.read_record()
    outages = _put(folder / "outages.csv", tables.render_outages(record))
    return [outages, _put(folder / "steps.csv", tables.render_steps(record))]


def _pdf(pack: Pack, folder: Path) -> list[Path]:
    return [pdf.write(report.render(pack), folder / "report.pdf")]


FORMS: dict[str, Writer] = {
    "html": _html,
    "markdown": _markdown,
    "junit": _junit,
    "csv": _csv,
    "pdf": _pdf,
}


def write(pack: Pack, names: Sequence[str], output: Path | None = None) -> Iterator[Path]:
    """Write each form once and yield every path.

    Without `output` they go to `reports/RUN-ID` under the current directory: a file more, or another one, in
    a pack's folder would look like tampering. Raises GamedayError when a folder cannot be written, or is
    that of the run, or when the pack holds what no run makes.
    """
    held = InFolder(pack.folder)
    held.must_be_plain()
    held.check_texts()
    for name in dict.fromkeys(names):
        folder = output or aside(pack)
        if folder.resolve().is_relative_to(pack.folder.resolve()):
            raise GamedayError(
                f"{folder} is in the run's own folder, which a new file would change; choose another --output"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            yield from FORMS[name](pack, folder)
        except OSError as error:
            raise GamedayError(f"cannot write under {folder}: {error.strerror or error}") from None
        except GamedayError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the data do to a report, they are wrong
            why = f"{type(error).__name__}: {error}"[:LONGEST_WHY]
            raise GamedayError(f"no report can be made of {pack.folder}: {why}") from None


def aside(pack: Pack) -> Path:
    """The folder for what is made from a run and does not belong to its evidence."""
    return Path("reports", pack.file_name)


def _put(path: Path, content: str) -> Path:
    write_atomically(path, content)
    return path
