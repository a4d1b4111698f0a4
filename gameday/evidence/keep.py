"""What a run leaves in its pack besides the record: the file that was run, the plan, the samples."""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import socket
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import gameday
from gameday import redact
from gameday.errors import GamedayError
from gameday.evidence.pack import Pack
from gameday.experiment.drtest import DrTest
from gameday.experiment.kept import without_secrets
from gameday.experiment.load import Experiment
from gameday.files import write_atomically
from gameday.git import git
from gameday.measure.loss import read
from gameday.measure.plan import Plan

NAMED_PACKAGES = (
    "chaostoolkit",
    "chaostoolkit-lib",
    "chaostoolkit-kubernetes",
    "locust",
    "boto3",
    "numpy",
    "pyarrow",
)


def describe(pack: Pack, experiment: Experiment, plan: Plan) -> None:
    """Put the file that is run into the pack, as it is but for secrets, and what it is measured against.

    Raises GamedayError when the pack cannot be written.
    """
    kept = without_secrets(experiment.text, experiment.path.suffix, redact.here())
    about = {
        "title": redact.name(experiment.title),
        "redacted": kept != experiment.text,
        "path": experiment.address or _shown(experiment.path),
        "sha256": experiment.sha256,
        "version": redact.data(experiment.document.get("version")),
        **commit(experiment.path),
    }
    blocks = experiment.blocks
    test = (blocks.dr_test or DrTest()).model_dump(mode="json", by_alias=False)
    about_test = {**test, "environment": blocks.environment, "authors": blocks.author}
    plan_json = {
        **_without_secrets(as_recorded(plan)).as_json(),
        "experiment": about,
        "environment": redact.data(environment()),
        "test": redact.data(about_test),
    }
    try:
        (pack.folder / f"experiment{experiment.path.suffix}").write_text(kept, encoding="utf-8")
        write_atomically(pack.plan, json.dumps(plan_json, indent=2) + "\n")
    except OSError as error:
        raise GamedayError(f"cannot write {pack.folder}: {error.strerror}") from None


def as_recorded(plan: Plan) -> Plan:
    """The plan with what it matches as the recorders write it down."""
    slis = tuple(
        sli if sli.match is None else replace(sli, match=redact.name(sli.match)) for sli in plan.slis
    )
    return replace(plan, slis=slis)


def _without_secrets(plan: Plan) -> Plan:
    """The plan as it may be written down; all but its names are gameday's own words."""
    slis = tuple(replace(sli, name=redact.name(sli.name)) for sli in plan.slis)
    return replace(plan, slis=slis, service=redact.data(plan.service))


def _shown(path: Path) -> str:
    """A path as people would type it here."""
    here = Path.cwd()
    return str(path.resolve().relative_to(here)) if path.resolve().is_relative_to(here) else str(path)


def commit(path: Path) -> dict[str, Any]:
    """The git commit that the file is of, and whether it was changed since; None outside of git."""
    folder, name = path.resolve().parent, path.name
    found = git(folder, "rev-parse", "HEAD")
    if not found or not git(folder, "ls-files", "--", name):
        return {"git_commit": None, "git_modified": None}
    return {"git_commit": found[0], "git_modified": bool(git(folder, "status", "--porcelain", "--", name))}


def environment() -> dict[str, Any]:
    """Where a run is made: versions and host."""
    packages = {}
    for name in NAMED_PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            packages[name] = version(name)
    return {
        "gameday": gameday.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "packages": packages,
    }


def sweep(pack: Pack) -> None:
    """Remove what somebody left half-written who was killed, so that it is not sealed with the rest.

    The kill switch goes too: the run has ended, and its timeline says by whom it was thrown.
    """
    for path in pack.folder.glob(".*"):
        if path.is_file() and path.name != ".lock":
            path.unlink()


def _as_parquet(pack: Pack) -> None:
    from gameday.evidence import columns  # with what it imports a tenth of a second

    if any(pack.raw.glob("*.samples")):
        columns.write_samples(pack.raw, pack.samples)
    if (pack.raw / "ledger.writes").exists():
        columns.write_ledger(read(pack.raw), pack.ledger)


def samples(pack: Pack) -> None:
    """Turn the recorders' files into Parquet, and let go of them once that is on disk.

    Where that cannot be done, as on a full disk, the recorders' own files stay, and are what is measured.
    """
    done = pack.raw.with_name(f".{pack.raw.name}")
    if not pack.raw.exists():
        shutil.rmtree(done, ignore_errors=True)
        return
    try:
        if any(pack.raw.iterdir()):
            _as_parquet(pack)
    except Exception:  # noqa: BLE001 - the disk, or whatever Parquet cannot say
        for path in (pack.samples, pack.ledger):
            path.unlink(missing_ok=True)
        return
    # in one step: whoever is killed while it removes them must not leave some that pass for all
    pack.raw.replace(done)
    shutil.rmtree(done)
