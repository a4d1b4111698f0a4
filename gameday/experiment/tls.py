"""A client certificate, and whom to believe: paths in the file, never what is in them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from gameday.experiment.blocks import Block
from gameday.reading import Unreadable, read_bytes

LARGEST_BYTES = 1_000_000  # of a certificate, a key or a bundle


class Tls(Block):
    """Paths of PEM files, relative to the experiment file; they are never copied into the evidence."""

    cert: str | None = Field(None, min_length=1, description="The client's certificate, with its chain.")
    key: str | None = Field(None, min_length=1, description="Its private key; default: in `cert` too.")
    ca: str | None = Field(
        None, min_length=1, description="Whose certificates to believe; the system's by default."
    )

    @model_validator(mode="after")
    def _key_with_cert(self) -> Tls:
        if self.key is not None and self.cert is None:
            raise ValueError("a key needs its certificate; write cert: too")
        return self

    def under(self, folder: Path) -> Tls:
        """The same, with whole paths."""
        given = {name: getattr(self, name) for name in Tls.model_fields}
        return Tls(**{name: str((folder / path).absolute()) for name, path in given.items() if path})


def context(tls: Tls) -> ssl.SSLContext:
    """What connects with this certificate. Raises OSError, of which ssl.SSLError is one."""
    made = ssl.create_default_context(cafile=tls.ca)
    if tls.cert is not None:
        made.load_cert_chain(tls.cert, tls.key, password=_asked)
    return made


def _asked() -> bytes:
    """Without this OpenSSL would ask at the terminal."""
    raise ValueError("its private key has a password, which gameday has no place for")


def troubles(blocks: Any, folder: Path) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with the files of each block that has some: the path of the key, and why."""
    having: list[tuple[tuple[str | int, ...], Any]]
    having = [(("prometheus",), blocks.prometheus)] if blocks.prometheus else []
    having += [(("slis", index, "probe"), sli.probe) for index, sli in enumerate(blocks.slis) if sli.probe]
    for path, block in having:
        if block.tls is not None and (found := trouble(block.tls, folder)):
            yield (*path, "tls", found[0]), found[1]


def resolved(blocks: Any, folder: Path) -> Any:
    """The blocks with whole paths, whatever folder they are read in."""
    slis = [sli.model_copy(update={"probe": _resolved(sli.probe, folder)}) for sli in blocks.slis]
    return blocks.model_copy(update={"slis": slis, "prometheus": _resolved(blocks.prometheus, folder)})


def _resolved(block: Any, folder: Path) -> Any:
    has_some = block is not None and block.tls is not None
    return block.model_copy(update={"tls": block.tls.under(folder)}) if has_some else block


def trouble(tls: Tls, folder: Path) -> tuple[str, str] | None:
    """What is wrong with the files: the key of the block, and why; None when they can be used."""
    whole = tls.under(folder)
    for name in Tls.model_fields:
        path = getattr(whole, name)
        if path is not None and (why := _unreadable(Path(path))):
            return name, why
    for name, part in (("ca", Tls(ca=whole.ca)), ("cert", Tls(cert=whole.cert, key=whole.key))):
        try:
            context(part)
        except (OSError, ValueError) as error:
            return name, f"{getattr(whole, name)} cannot be used: {_in_words(error)}"
    return None


def _unreadable(path: Path) -> str | None:
    try:
        read_bytes(path, LARGEST_BYTES)
    except FileNotFoundError:
        return f"there is no file {path}; the path is relative to this file"
    except Unreadable as error:
        return f"{path} cannot be read: {error}"
    return None


def _in_words(error: Exception) -> str:
    reason = getattr(error, "reason", None) or str(error)
    words = {"KEY_VALUES_MISMATCH": "the key is not that of the certificate", "PEM": "it is no PEM file"}
    return next((said for sign, said in words.items() if sign in reason), reason)
