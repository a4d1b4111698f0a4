"""One zip of a pack to hand over, written where it is wanted and read back from there."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from typing import Any, BinaryIO

from gameday.errors import GamedayError
from gameday.evidence.pack import Pack

PIECE_BYTES = 1 << 20
# the same pack gives the same zip, byte for byte
EPOCH = (1980, 1, 1, 0, 0, 0)


def export(pack: Pack, where: str) -> str:
    """Write `<run id>.zip` into a folder or below a URL of fsspec, and check it there; returns where it is.

    Raises GamedayError when the run has no record, the place cannot be written, or what is there afterwards
    is not what was sent.
    """
    import fsspec

    pack.read_record()
    target = where if where.endswith(".zip") else f"{where.rstrip('/')}/{pack.run_id}.zip"
    with tempfile.TemporaryFile() as draft:
        write(pack, draft)
        sent = _copy(draft, None)
        try:
            with fsspec.open(target, "wb") as there:
                draft.seek(0)
                _copy(draft, there)
            with fsspec.open(target, "rb") as there:
                arrived = _copy(there, None)
        except ImportError as error:
            raise GamedayError(f"{target} needs a package that is not installed: {error}") from None
        except Exception as error:  # noqa: BLE001 - every kind of store fails in its own way
            raise GamedayError(f"{target} cannot be written: {error or type(error).__name__}") from None
    if arrived != sent:
        raise GamedayError(f"{target} is not what was sent: SHA-256 {arrived} instead of {sent}")
    return target


def write(pack: Pack, out: Any) -> None:
    """The pack as a zip, in a folder named by its run."""
    name = pack.run_id
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in pack.folder.rglob("*") if path.is_file()):
            inside = path.relative_to(pack.folder).as_posix()
            if inside not in (".lock", ".halt"):
                entry = zipfile.ZipInfo(f"{name}/{inside}", EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                with path.open("rb") as file, archive.open(entry, "w", force_zip64=True) as there:
                    _copy(file, there)


def _copy(source: BinaryIO | Any, target: Any) -> str:
    """Copy in pieces, or only read; the SHA-256 of what passed."""
    seen = hashlib.sha256()
    if target is None and source.seekable():
        source.seek(0)
    while piece := source.read(PIECE_BYTES):
        seen.update(piece)
        if target is not None:
            target.write(piece)
    return seen.hexdigest()
