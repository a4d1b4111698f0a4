"""A thousand tamperings with a signed pack, each by its name: the file that was touched is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gameday.evidence import keys
from gameday.evidence.holding import opened
from gameday.evidence.verify import verify
from tests.evidence.foreign import Signed, signed
from tests.evidence.tamperings import Tampering, every

SAMPLE = 50


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    return signed(tmp_path_factory.mktemp("signed"))


def not_noticed(original: Signed, chosen: list[Tampering], scratch: Path) -> list[str]:
    """What each tampering should have had named, and what was named instead."""
    believed = keys.public_key(original.public)
    missed = []
    for number, tampering in enumerate(chosen):
        here = scratch / str(number)
        here.mkdir()
        if tampering.is_zip:
            tampering.act(path := here / "pack.zip")
        else:
            tampering.act(path := Path(shutil.copytree(original.pack.folder, here / "pack")))
        with opened(path) as held:
            found = verify(held, believed)
        named = {finding.file for finding in found.findings}
        if tampering.file not in named:
            missed.append(f"{tampering.name}: {tampering.file} not in {named}, {found.unchecked}")
        shutil.rmtree(here)
    return missed


def test_what_was_not_touched_verifies(original: Signed) -> None:
    found = verify(original.pack, keys.public_key(original.public))
    assert found.findings == [] and found.unchecked == [], found
    assert [line for line in found.holds if "signed with key" in line] and len(found.holds) == 7


def test_some_of_a_thousand_tamperings_are_each_noticed_by_name(original: Signed, tmp_path: Path) -> None:
    chosen = every(original)
    assert len({each.name for each in chosen}) == len(chosen) >= 1000
    assert not_noticed(original, chosen[:: len(chosen) // SAMPLE], tmp_path) == []


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_soak_every_one_of_a_thousand_tamperings_is_noticed_by_name(original: Signed, tmp_path: Path) -> None:
    chosen = every(original)
    assert not_noticed(original, chosen, tmp_path) == []
    print(f"{len(chosen)} tamperings")
