"""How long a run may last when its file does not say so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gameday.experiment.lasts import SPARE_S, longest_s
from gameday.experiment.load import load

PAUSED = {
    "type": "action",
    "name": "a",
    "provider": {"type": "process", "path": "true"},
    "pauses": {"before": 3, "after": "${soon}"},
}
UNDONE = {"type": "action", "name": "a", "provider": PAUSED["provider"]}
UNDONE["undo"] = {"provider": PAUSED["provider"], "within": "10m"}
ASKS = {"type": "python", "module": "gameday.asking", "func": "confirm"}
ASKED = {"type": "probe", "name": "a", "provider": {**ASKS, "arguments": {"what": "up?", "within": "15m"}}}
USUALLY_ASKED = {"type": "probe", "name": "b", "provider": {**ASKS, "arguments": {"what": "up?"}}}
AIMS = {"baseline": "1s", "deadline": "10s", "sustain": "2s", "after-check": "4s"}


@pytest.mark.parametrize(
    ("blocks", "seconds"),
    [
        ({"max-duration": "10m"}, 600),
        ({}, SPARE_S + 5 + 300 + 3 * 10 + 5),
        ({"objectives": AIMS}, SPARE_S + 1 + 10 + 6 + 4),
        ({"objectives": AIMS, "method": [PAUSED]}, SPARE_S + 21 + 3),
        ({"objectives": AIMS, "method": [UNDONE]}, SPARE_S + 21 + 600),
        ({"objectives": AIMS, "method": [ASKED, USUALLY_ASKED]}, SPARE_S + 21 + 900 + 600),
    ],
)
def test_a_run_halts_an_hour_after_all_that_its_file_waits_for(
    tmp_path: Path, blocks: dict[str, Any], seconds: float
) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"title": "t", "description": "d", "method": [], **blocks}))
    assert longest_s(load(path)) == seconds
