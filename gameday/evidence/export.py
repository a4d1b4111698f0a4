"""One zip of a pack to hand over, written where it is wanted and read back from there."""

from __future__ import annotations

import tempfile
import zipfile
from typing import Any

from gameday.evidence.holding import Holding, InFolder
from gameday.evidence.pack import Pack
from gameday.evidence.remote import put, reached, remote_folder
from gameday.evidence.seal import NO_EVIDENCE

# the same pack gives the same zip, byte for byte
EPOCH = (1980, 1, 1, 0, 0, 0)


def export(pack: Pack, where: str) -> str:
    """Write `<run id>.zip` into a folder or below a URL, and check it there; returns where it is.

    Raises GamedayError when the run has no record, something in it is no file (what a link leads to is not
    handed over), the place cannot be written, or what is there afterwards is not what was sent.
    """
    held = InFolder(pack.folder)
    held.must_be_plain()
    pack.read_record()
    target = where if where.endswith(".zip") else f"{where.rstrip('/')}/{pack.file_name}.zip"
    above, slash, name = target.rpartition("/")
    with tempfile.TemporaryFile() as draft:
        write(held, pack.file_name, draft)
        draft.seek(0)
        with reached(target):
            put(remote_folder(above + slash if slash else "."), name, draft)
    return target


def write(held: Holding, name: str, out: Any) -> None:
    """The files of a pack as a zip, in a folder of that name."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for inside in sorted(held.kept):
            if held.has(inside) and inside not in NO_EVIDENCE:
                entry = zipfile.ZipInfo(f"{name}/{inside}", EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                with archive.open(entry, "w", force_zip64=True) as there:
                    there.writelines(held.pieces(inside))
