"""Synthetic packs: a failover drill written as its recorders, its timeline and its ledger would write it."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

from gameday.clock import Tie
from gameday.evidence import assemble, keep
from gameday.evidence.pack import Pack
from gameday.faults.undolog import UndoLog
from gameday.files import write_atomically
from gameday.samples import SampleWriter
from gameday.writes import ABSENT, ACKNOWLEDGED, CORRUPT, PRESENT, REFUSED, UNKNOWN, WriteLog, write_found

MS = 1_000_000
S = 1_000 * MS
ZERO_NS = 5_000 * S
UTC_NS = 1_795_428_902_123_456_000  # 2026-11-23T10:15:02Z
PHASES = (
    ("baseline", 0),
    ("method", 15),
    ("recovery", 19.2),
    ("verification", 34),
    ("undo", 38),
    ("after-check", 40),
)
END_S = 46
KILLED_S, BACK_S = 15.4, 17.71

KILL = {"name": "kill the primary", "kind": "action", "part": "method", "role": "fault", "runbook": None}
FENCE = {
    "name": "fence the old primary",
    "kind": "action",
    "part": "method",
    "role": "failover",
    "runbook": "runbooks/postgresql-failover.md#fence",
}
PROMOTE = {**FENCE, "name": "promote the standby", "runbook": "runbooks/postgresql-failover.md#promote"}
HEALTHY = {
    "name": "the service is healthy",
    "kind": "probe",
    "part": "steady-state",
    "role": None,
    "runbook": None,
}
STEPS: list[tuple[float, float, dict[str, Any], dict[str, Any]]] = [
    (15.0, 15.02, HEALTHY, {"status": "succeeded"}),
    (
        15.38,
        15.41,
        KILL,
        {"status": "succeeded", "landed": True, "proof": "process 4711 is gone, port 5432 refuses"},
    ),
    (16.45, 16.58, FENCE, {"status": "succeeded", "proof": "the data directory is sealed"}),
    (16.6, 16.79, PROMOTE, {"status": "succeeded"}),
    (34.1, 34.12, HEALTHY, {"status": "succeeded"}),
]

SLIS: list[dict[str, Any]] = [
    {"name": "availability", "source": "load", "recorder": "load", "match": None, "good": None},
    {"name": "order latency", "source": "load", "recorder": "load", "match": "POST /orders", "good": 0.3},
    {"name": "heartbeat", "source": "probe", "recorder": "probe-heartbeat", "match": None, "good": None},
]
GOALS: list[dict[str, Any]] = [
    {"objective": "99%", "window": 5.0, "period": None},
    {"objective": "95%", "window": 5.0, "period": None},
    {"objective": "100%", "window": 5.0, "period": 0.02},
]
ENVIRONMENT = {
    "gameday": "0.1.0",
    "python": "3.11.2",
    "platform": "Linux-6.1-x86_64",
    "host": "drill-host",
    "packages": {
        "chaostoolkit": "1.19.0",
        "chaostoolkit-lib": "1.44.0",
        "locust": "2.47.0",
        "numpy": "2.4.6",
    },
}


def failover(
    results: Path,
    *,
    title: str = "The orders database dies and the standby takes over",
    back_s: float = BACK_S,
    has_impact: bool = True,
    lost: int = 0,
    slis: bool = True,
    load: bool = True,
    ledger: bool = True,
    per_s: int = 60,
    deadline_s: float = 90.0,
    aborted: str | None = None,
) -> Pack:
    """A drill: the database dies at 15.4 s and the service is back at `back_s` seconds of the run."""
    pack = Pack(results / "20261123T101502Z-the-orders-database-dies")
    pack.raw.mkdir(parents=True)
    chance = random.Random(7)
    out = (KILLED_S, back_s) if has_impact else (0.0, 0.0)
    end_s = 17.0 if aborted else END_S
    if load:
        _load(pack, chance, out, per_s, end_s)
    if slis:
        _heartbeat(pack, chance, out, end_s)
    if ledger:
        _ledger(pack, out, lost, end_s)
    _timeline(pack, aborted, end_s)
    _undo_log(pack)
    chosen = [sli | goal for sli, goal in zip(SLIS, GOALS, strict=True) if load or sli["source"] != "load"]
    _plan(pack, title, chosen if slis else [], users=20 if load else 0, ledger=ledger, deadline_s=deadline_s)
    keep.samples(pack)
    assemble.write(pack)
    return pack


def plain(results: Path) -> Pack:
    """A plain Chaos Toolkit experiment: steps and nothing that watches."""
    pack = failover(results, slis=False, load=False, ledger=False)
    pack.samples.unlink(missing_ok=True)
    pack.undo_log.unlink()
    record = pack.read_record()
    write_atomically(
        pack.record,
        record.model_copy(update={"service": None, "undo": [], "moments": {}, "phases": []}).as_json(),
    )
    return pack


def change(pack: Pack, **update: Any) -> Pack:
    """The same pack with some of the record's fields replaced."""
    write_atomically(pack.record, pack.read_record().model_copy(update=update).as_json())
    return pack


def again(pack: Pack, results: Path) -> Pack:
    """A copy of a pack."""
    return Pack(Path(shutil.copytree(pack.folder, results / pack.run_id)))


def _at(at_s: float) -> int:
    return ZERO_NS + round(at_s * S)


def _load(pack: Pack, chance: random.Random, out: tuple[float, float], per_s: int, end_s: float) -> None:
    writer = SampleWriter(pack.raw, "load.1")
    for number in range(int((end_s + 3) * per_s)):
        at_s = number / per_s - 3
        is_out = out[0] <= at_s < out[1]
        if is_out and number % 3:
            continue  # a closed loop goes quiet while it waits
        latency_s = chance.lognormvariate(-4.2, 0.45) * (1 + 3 * (out[1] <= at_s < out[1] + 1.5))
        latency_s = chance.uniform(0.001, 0.02) if is_out else latency_s
        sent_ns = _at(at_s)
        writer.write(
            sent_ns,
            sent_ns,
            sent_ns + round(latency_s * S),
            series="GET /orders/{id}" if number % 4 == 0 else "POST /orders",
            ok=not is_out,
            status=503 if is_out else 200,
            error="503 Service Unavailable" if is_out else "",
        )
    writer.close()


def _heartbeat(pack: Pack, chance: random.Random, out: tuple[float, float], end_s: float) -> None:
    writer = SampleWriter(pack.raw, "probe-heartbeat")
    for number in range(int((end_s + 1) * 50)):
        at_s = number / 50 - 1
        is_out = out[0] <= at_s < out[1]
        waits = out[0] + 0.8 <= at_s < out[1] - 0.4
        latency_s = 1.0 if is_out and waits else chance.lognormvariate(-6.0, 0.3)
        sent_ns = _at(at_s)
        writer.write(
            sent_ns,
            sent_ns + chance.randrange(80_000),
            sent_ns + round(latency_s * S),
            series="GET /health",
            ok=not is_out,
            timed_out=is_out and waits,
            error="connection refused" if is_out else "",
        )
    writer.close()


def _ledger(pack: Pack, out: tuple[float, float], lost: int, end_s: float) -> None:
    """Writes at 50/s: refused or unknown during the outage, the `lost` last ones before it lost."""
    log = WriteLog(pack.raw)
    samples = SampleWriter(pack.raw, "ledger")
    found: dict[int, tuple[int, int]] = {}
    last = int(out[0] * 50)
    for sequence in range(int(end_s * 50)):
        at_s = sequence / 50
        is_out = out[0] <= at_s < out[1]
        outcome = (UNKNOWN if sequence % 2 else REFUSED) if is_out else ACKNOWLEDGED
        log.sent(sequence, _at(at_s))
        log.outcome(sequence, _at(at_s) + 4 * MS, outcome)
        samples.write(
            _at(at_s),
            _at(at_s),
            _at(at_s) + 4 * MS,
            series="write",
            ok=not is_out,
            error="refused" if is_out else "",
        )
        is_lost = last - lost <= sequence < last
        state = (CORRUPT if sequence == last - 1 and lost > 3 else ABSENT) if is_lost else PRESENT
        state = ABSENT if is_out and sequence % 10 != 1 else state
        found[sequence] = (state, 1 if state == PRESENT else 0)
    log.close()
    samples.close()
    write_found(pack.raw, found)


def _timeline(pack: Pack, aborted: str | None, end_s: float) -> None:
    events: list[tuple[float, dict[str, Any]]] = [(-3, {"event": "run", "title": "drill"})]
    events += [(at_s, {"event": "phase", "name": name}) for name, at_s in PHASES if at_s < end_s]
    for start_s, stop_s, step, outcome in STEPS:
        if start_s < end_s:
            events.append((start_s, {"event": "step-started", **step}))
            events.append((stop_s, {"event": "step-ended", "name": step["name"], **outcome}))
    if aborted:
        events.append((end_s, {"event": "aborted", "reason": aborted}))
    else:
        events.append((35.0, {"event": "engine-ended", "status": "completed", "deviated": False}))
    tie = Tie(_at(-3), UTC_NS)
    ended = Tie(_at(end_s), UTC_NS + round((end_s + 3) * S) + 41_000)
    for at_s, mark in ((-3.0, tie), (end_s, ended)):
        events.append((at_s, {"event": "clock", "monotonic_ns": mark.monotonic_ns, "utc_ns": mark.utc_ns}))
    events.sort(key=lambda pair: pair[0])
    lines = [json.dumps({"t_ns": _at(at_s), "at": tie.utc(_at(at_s)), **event}) for at_s, event in events]
    pack.timeline.write_text("\n".join(lines) + "\n")


def _undo_log(pack: Pack) -> None:
    log = UndoLog(pack.undo_log)
    identity = log.owe(
        "kill the primary", "kill", {"module": "gameday.faults.process", "func": "nothing_to_undo"}
    )
    for event in ("landed", "undoing", "undone", "verified"):
        log.note(identity, event, "the old primary follows the new one" if event == "verified" else "")


def _plan(
    pack: Pack, title: str, slis: list[dict[str, Any]], *, users: int, ledger: bool, deadline_s: float
) -> None:
    plan = {
        "slis": slis,
        "service": {"name": "orders", "tier": 0, "owner": "team-orders"},
        "rto": 30.0 if slis else None,
        "rpo": 0.0 if ledger else None,
        "sustain": 10.0,
        "deadline": deadline_s,
        "baseline": 15.0,
        "after_check": 6.0,
        "users": users,
        "write_period": 0.02 if ledger else None,
        "experiment": {"title": title, "path": "experiments/postgresql-failover.yaml", "sha256": "ab" * 32},
        "environment": ENVIRONMENT,
    }
    pack.plan.write_text(json.dumps(plan))
