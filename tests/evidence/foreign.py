"""A signed pack to tamper with: the example, sealed anew with a key, with what people added afterwards."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gameday.evidence import afterwards, keys
from gameday.evidence.pack import MANIFEST, SEAL, WITH_THE_SEAL, Pack
from gameday.evidence.seal import Sealing, as_json, seal

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "results/example"
ANOTHER = ROOT / "tests/evidence/packs/rules-1"


@dataclass(frozen=True)
class Signed:
    """A pack, another one by the same key, and that key."""

    pack: Pack
    another: Pack
    private: Path
    public: Path


def signed(folder: Path) -> Signed:
    """Two packs under `folder`, signed with a new key."""
    private, public, _ = keys.make(folder, "evidence")
    sealing = Sealing(str(private))
    packs = []
    for source in (EXAMPLE, ANOTHER):
        pack = Pack(Path(shutil.copytree(source, folder / source.name)))
        for name in WITH_THE_SEAL:
            (pack.folder / name).unlink(missing_ok=True)
        seal(pack, pack.read_record(), sealing)
        packs.append(pack)
    pack = packs[0]
    afterwards.add(pack, sealing, "note", "ann", text="the pager was silent")
    afterwards.add(pack, sealing, "action", "ann", id="A1", text="page on lag", severity="high")
    afterwards.add(pack, sealing, "sign-off", "cleo", role="head of risk", accepted=True)
    return Signed(pack, packs[1], private, public)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a pack by its path in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def reseal(files: dict[str, bytes]) -> None:
    """Make the hashes true again, as whoever has no key can: manifest and statement, without a signature."""
    manifest: Any = json.loads(files[MANIFEST])
    listed = [name for name in sorted(files) if name not in WITH_THE_SEAL]
    manifest["files"] = [
        {"path": name, "size": len(files[name]), "sha256": hashlib.sha256(files[name]).hexdigest()}
        for name in listed
    ]
    timeline = files.get("timeline.jsonl", b"")
    manifest["timeline"] = {"sha256": hashlib.sha256(timeline).hexdigest(), "lines": timeline.count(b"\n")}
    files[MANIFEST] = as_json(manifest)
    statement = {"subject": [{"name": MANIFEST, "digest": {"sha256": _sha256(files[MANIFEST])}}]}
    files[SEAL] = as_json(_unsigned(statement))


def _unsigned(statement: dict[str, Any]) -> dict[str, Any]:
    from gameday.evidence.seal import PAYLOAD_TYPE, unsigned

    return unsigned(as_json(statement), PAYLOAD_TYPE)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
