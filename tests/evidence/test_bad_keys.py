"""Key files that are none: a clear error, and nothing is waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ed448, ed25519, x448, x25519

from gameday.errors import GamedayError
from gameday.evidence import keys

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
KINDS = {
    "x25519": x25519.X25519PrivateKey.generate,
    "x448": x448.X448PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "dsa": lambda: dsa.generate_private_key(1024),
}
FILES = {
    "empty": (b"", "no private key that can sign"),
    "text": (b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n", "no private key that can sign"),
    "bytes": (b"\xff\x00" * 100, "no private key that can sign"),
    "huge": (b"x" * 100_001, "it is larger than 100,000 bytes"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_that_cannot_sign_says_so(tmp_path: Path, kind: str) -> None:
    private = KINDS[kind]()
    pem = private.private_bytes(PEM, PKCS8, serialization.NoEncryption())
    (tmp_path / "key").write_bytes(pem)
    for where in (str(tmp_path / "key"), pem.decode()):
        for use in (keys.signer, keys.public_half):
            with pytest.raises(GamedayError, match="holds no private key that can sign") as error:
                use(where)
            assert "PRIVATE KEY" not in str(error.value)
    (tmp_path / "pub").write_bytes(private.public_key().public_bytes(PEM, SPKI))
    with pytest.raises(GamedayError, match="holds no public key"):
        keys.public_key(tmp_path / "pub")


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_key_says_so(tmp_path: Path, kind: str) -> None:
    data, message = FILES[kind]
    (tmp_path / "key").write_bytes(data)
    with pytest.raises(GamedayError, match=message):
        keys.signer(str(tmp_path / "key"))
    with pytest.raises(GamedayError, match=r"no public key|larger"):
        keys.public_key(tmp_path / "key")


def test_a_key_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("pipe", "a pipe"), (".", "a folder"), ("none", "no such file")):
        with pytest.raises(GamedayError, match=message):
            keys.signer(str(tmp_path / name))
        with pytest.raises(GamedayError, match=message):
            keys.public_key(tmp_path / name)


def test_an_ed25519_key_signs(tmp_path: Path) -> None:
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(PEM, PKCS8, serialization.NoEncryption())
    assert keys.signer(pem.decode()).sign(b"x").signature
