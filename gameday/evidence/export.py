"""One zip of a pack to hand over, written where it is wanted and read back from there."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from typing import Any, BinaryIO

from gameday.errors import GamedayError
from gameday.evidence.holding import Holding, InFolder
from gameday.evidence.pack import Pack
from gameday.evidence.seal import NO_EVIDENCE

PIECE_BYTES = 1 << 20
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
    with tempfile.TemporaryFile() as draft:
        write(held, pack.file_name, draft)
        draft.seek(0)
        sent = _copy(draft, None)
        draft.seek(0)
        try:
            arrived = _to_s3(draft, target) if target.startswith("s3://") else _by_fsspec(draft, target)
        except ImportError as error:
            raise GamedayError(f"{target} needs a package that is not installed: {error}") from None
        except Exception as error:  # noqa: BLE001 - every kind of store fails in its own way
            raise GamedayError(f"{target} cannot be written: {error or type(error).__name__}") from None
    if arrived != sent:
        raise GamedayError(f"{target} is not what was sent: SHA-256 {arrived} instead of {sent}")
    return target


def _by_fsspec(draft: BinaryIO, target: str) -> str:
    """Send it to a path or a URL of fsspec; the SHA-256 of what is there afterwards."""
    import fsspec

    with fsspec.open(target, "wb") as there:
        _copy(draft, there)
    with fsspec.open(target, "rb") as there:
        return _copy(there, None)


def _to_s3(draft: BinaryIO, target: str) -> str:
    """Send it to S3; the SHA-256 of what is there afterwards. fsspec's S3 would want a boto3 of its own."""
    import boto3

    bucket, _, key = target.removeprefix("s3://").partition("/")
    s3 = boto3.client("s3")
    s3.upload_fileobj(draft, bucket, key)
    return _copy(s3.get_object(Bucket=bucket, Key=key)["Body"], None)


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


def _copy(source: BinaryIO | Any, target: Any) -> str:
    """Copy in pieces, or only read; the SHA-256 of what passed."""
    seen = hashlib.sha256()
    while piece := source.read(PIECE_BYTES):
        seen.update(piece)
        if target is not None:
            target.write(piece)
    return seen.hexdigest()
