"""A folder at a URL: S3 by boto3, every other kind by fsspec. Each raises whatever it likes.

fsspec's own S3 would pin botocore to the releases of a few days, and with it the boto3 of everything here.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import IO, Any, Protocol

from gameday import redact
from gameday.errors import GamedayError

PIECE_BYTES = 1 << 20
CONNECT_S, READ_S, ATTEMPTS = 10, 60, 4
LONGEST_WHY = 500
TAKEN = ("PreconditionFailed", "ConditionalRequestConflict")


class Changed(GamedayError):
    """Somebody else wrote the file in the meantime."""

    def __init__(self) -> None:
        super().__init__("somebody else has written to it in the meantime; say it again")


class RemoteFolder(Protocol):
    """Files below a URL, by their path from there. Whoever calls it does so within `reached`."""

    def folders(self) -> Iterator[str]:
        """The names of the folders in it; none where there is nothing."""

    def files(self, below: str) -> Iterator[tuple[str, int]]:
        """Every file of a folder in it, by its path in that, with its size in bytes."""

    def open(self, name: str) -> contextlib.AbstractContextManager[IO[bytes]]:
        """A file's bytes. Raises FileNotFoundError."""

    def write(self, name: str, source: IO[bytes]) -> None:
        """Write a file, whatever was there."""

    def replace(self, name: str, before: bytes | None, data: bytes) -> None:
        """Write a file that holds `before`; None: that is not there. Raises Changed."""


class S3Folder:
    """A prefix in a bucket."""

    def __init__(self, url: str) -> None:
        import boto3
        from botocore.config import Config

        self.bucket, _, prefix = url.removeprefix("s3://").partition("/")
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        if not self.bucket:
            raise GamedayError("write s3://bucket/path")
        retries = {"max_attempts": ATTEMPTS, "mode": "standard"}
        self.s3 = boto3.client(
            "s3", config=Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries=retries)
        )

    def folders(self) -> Iterator[str]:
        for page in self._pages(self.prefix, Delimiter="/"):
            for found in page.get("CommonPrefixes", ()):
                yield found["Prefix"][len(self.prefix) :].rstrip("/")

    def files(self, below: str) -> Iterator[tuple[str, int]]:
        start = f"{self.prefix}{below}/"
        for page in self._pages(start):
            for found in page.get("Contents", ()):
                is_marker = found["Key"].endswith("/") and not found["Size"]  # consoles make them for folders
                if not is_marker:
                    yield found["Key"][len(start) :], found["Size"]

    def _pages(self, prefix: str, **how: str) -> Any:
        return self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix, **how)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        with contextlib.closing(self._object(name)["Body"]) as body:
            yield body

    def _object(self, name: str) -> Any:
        try:
            return self.s3.get_object(Bucket=self.bucket, Key=self.prefix + name)
        except self.s3.exceptions.NoSuchKey:
            raise FileNotFoundError(f"{name} is not there") from None

    def write(self, name: str, source: IO[bytes]) -> None:
        self.s3.upload_fileobj(source, self.bucket, self.prefix + name)

    def replace(self, name: str, before: bytes | None, data: bytes) -> None:
        try:
            found = self._object(name)
            with contextlib.closing(found["Body"]) as body:
                now = body.read(len(before or b"") + 1)
            condition = {"IfMatch": found["ETag"]}
        except FileNotFoundError:
            now, condition = None, {"IfNoneMatch": "*"}
        if now != before:
            raise Changed
        try:
            self.s3.put_object(Bucket=self.bucket, Key=self.prefix + name, Body=data, **condition)
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in TAKEN:
                raise Changed from None
            raise


class FsspecFolder:
    """A path in whatever fsspec knows."""

    def __init__(self, url: str) -> None:
        import fsspec

        self.fs, path = fsspec.core.url_to_fs(url)
        self.path = path.rstrip("/")

    def folders(self) -> Iterator[str]:
        self.fs.invalidate_cache()
        with contextlib.suppress(FileNotFoundError):
            for found in self.fs.ls(self.path, detail=True):
                if found["type"] == "directory":
                    yield found["name"].rstrip("/").rpartition("/")[2]

    def files(self, below: str) -> Iterator[tuple[str, int]]:
        self.fs.invalidate_cache()
        start = f"{self.path}/{below}"
        with contextlib.suppress(FileNotFoundError):
            for here, _, files in self.fs.walk(start, detail=True, on_error="raise"):
                for name, about in files.items():
                    if about["type"] != "file" or about["size"] is None:
                        raise GamedayError(f"{here}/{name} is not a file")
                    yield f"{here}/{name}".removeprefix(f"{start}/"), about["size"]

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        with self.fs.open(f"{self.path}/{name}", "rb") as file:
            yield file

    def write(self, name: str, source: IO[bytes]) -> None:
        target = f"{self.path}/{name}"
        self.fs.makedirs(target.rpartition("/")[0], exist_ok=True)
        with self.fs.open(target, "wb") as file:
            while piece := source.read(PIECE_BYTES):
                file.write(piece)

    def replace(self, name: str, before: bytes | None, data: bytes) -> None:
        """Between the look and the writing somebody else may write all the same: there is no way to ask."""
        try:
            with self.open(name) as file:
                now = file.read(len(before or b"") + 1)
        except FileNotFoundError:
            now = None
        if now != before:
            raise Changed
        with self.fs.open(f"{self.path}/{name}", "wb") as file:
            file.write(data)


def remote_folder(url: str) -> RemoteFolder:
    """The folder at a URL, or at a path. Nothing is asked yet, but the packages that it needs."""
    return S3Folder(url) if url.startswith("s3://") else FsspecFolder(url)


@contextlib.contextmanager
def reached(url: str) -> Iterator[None]:
    """Tell whatever a store raises as one GamedayError that names the URL, without a password in it."""
    try:
        yield
    except GamedayError as error:
        error.args = (f"{shown(url)}: {error}",)
        raise
    except ImportError as error:
        raise GamedayError(f"{shown(url)} needs a package that is not installed: {error}") from None
    except Exception as error:  # noqa: BLE001 - every kind of store fails in its own way
        why = redact.text(str(error) or type(error).__name__)[:LONGEST_WHY]
        raise GamedayError(f"{shown(url)}: {why}") from None


def shown(url: str) -> str:
    """A URL as it may be said."""
    return redact.text(url)


def put(folder: RemoteFolder, name: str, source: IO[bytes]) -> None:
    """Write a file and read it back. Raises GamedayError when what is there is not what was sent."""
    sent = _digest(source)
    source.seek(0)
    folder.write(name, source)
    with folder.open(name) as file:
        arrived = _digest(file)
    if arrived != sent:
        raise GamedayError(f"{name} is not what was sent: SHA-256 {arrived} instead of {sent}")


def _digest(file: IO[bytes]) -> str:
    seen = hashlib.sha256()
    while piece := file.read(PIECE_BYTES):
        seen.update(piece)
    return seen.hexdigest()
