"""Packs that were made to do harm end in a sentence: no traceback, within a limit of memory and of time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.evidence.foreign import ROOT
from tests.evidence.hostile import LIMIT_S, make

SAMPLE, SOAKED, PARTS = 200, 12_000, 24


def tried(first: int, count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.evidence.hostile", str(first), str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3600, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def must_have_ended(found: dict[str, Any]) -> None:
    assert found["escaped"] == [], "\n".join(found["escaped"])
    assert {end.split()[1] for end in found["ends"]} <= {"0", "1", "2"}, found["ends"]
    assert found["slowest"][0][0] < LIMIT_S, found["slowest"]


@pytest.mark.timeout(900)
def test_hostile_packs_end_in_a_sentence() -> None:
    found = tried(0, SAMPLE)
    must_have_ended(found)
    # if they all ended at the first look, nothing was tried
    assert all(found["ends"].get(end, 0) > 5 for end in ("verify 1", "verify 2", "export 0", "report 0"))


@pytest.mark.parametrize("seed", [1, 5, 9])
def test_a_seed_makes_the_same_pack_again(seed: int, tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        path = make(seed, tmp_path / name)
        made.append({each.name: each.stat().st_size for each in path.glob("*")} or path.read_bytes())
    assert made[0] == made[1]


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_soak_twelve_thousand_hostile_packs_end_in_a_sentence(part: int) -> None:
    count = SOAKED // PARTS
    found = tried(part * count, count)
    must_have_ended(found)
    print(json.dumps({key: found[key] for key in ("ends", "slowest", "peak_mib")}))
