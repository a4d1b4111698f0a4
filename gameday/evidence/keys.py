"""Keys that sign evidence: a file, an environment variable, or AWS KMS; and their public halves.

A private key is PEM (PKCS #8): Ed25519 as `gameday keys` makes it, or ECDSA. With `awskms:KEY`, such as
`awskms:alias/evidence`, the key never leaves AWS.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, Signature, Signer, SSlibKey

from gameday import environment
from gameday.errors import GamedayError
from gameday.reading import Unreadable, read_bytes

KMS = "awskms:"
LARGEST_BYTES = 100_000  # of a key's file


def signer(where: str, password: str | None = None) -> Signer:
    """The key that signs.

    where: a path, `awskms:` and a key's id, alias or ARN, or the PEM itself. Raises GamedayError, which never
    shows it, when the key cannot be used.
    """
    if where.startswith(KMS):
        return _of_kms(where.removeprefix(KMS))
    return CryptoSigner(_private(where, password))


def public_half(where: str, password: str | None = None) -> bytes:
    """The public half of such a key, as PEM: what to hand out."""
    if where.startswith(KMS):
        return str(_of_kms(where.removeprefix(KMS)).public_key.keyval["public"]).encode()
    return _pem(_private(where, password).public_key())


def envelope(key: Signer, payload: bytes, payload_type: str) -> dict[str, Any]:
    """The payload in a DSSE envelope, signed. Raises GamedayError when the key's keeper does not sign."""
    made = Envelope(payload, payload_type, {})
    try:
        made.sign(key)
    except Exception as error:  # noqa: BLE001 - what a key's keeper raises is its own affair
        raise GamedayError(f"the key could not sign: {error}") from None
    return dict(made.to_dict())


def _private(where: str, password: str | None) -> Any:
    """The private key at a path, or in the PEM itself."""
    is_pem, name = _is_pem(where), _name(where)
    try:
        pem = where.encode() if is_pem else read_bytes(Path(where), LARGEST_BYTES)
        private = serialization.load_pem_private_key(pem, password.encode() if password else None)
    except FileNotFoundError:
        raise GamedayError(f"the signing key {where} cannot be read: there is no such file") from None
    except Unreadable as error:
        raise GamedayError(f"the signing key {where} cannot be read: {error}") from None
    except TypeError:
        raise GamedayError(f"the signing key {name} is encrypted; set {environment.PASSWORD}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _no_signing_key(where) from None
    try:
        CryptoSigner(private)  # there are keys that only encrypt
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _no_signing_key(where) from None
    return private


def _is_pem(where: str) -> bool:
    return where.lstrip().startswith("-----BEGIN")


def _name(where: str) -> str:
    """What a key is called in an error: never by what it is."""
    return environment.KEY if _is_pem(where) else where


def _no_signing_key(where: str) -> GamedayError:
    return GamedayError(
        f"{_name(where)} holds no private key that can sign, or the password is wrong; gameday keys makes one"
    )


def _of_kms(key: str) -> Signer:
    from botocore.exceptions import BotoCoreError, ClientError
    from securesystemslib.signer import AWSSigner

    class Kms(AWSSigner):
        """A key in AWS KMS, which hashes the message itself."""

        def sign(self, payload: bytes) -> Signature:
            answer = self.client.sign(
                KeyId=self.aws_key_id, Message=payload, MessageType="RAW", SigningAlgorithm=self.aws_algo
            )
            return Signature(self.public_key.keyid, answer["Signature"].hex())

    try:
        _, public = AWSSigner.import_(key)
        return Kms(key, public)
    except (BotoCoreError, ClientError, ValueError) as error:
        raise GamedayError(f"AWS KMS does not offer the key {key}: {error}") from None


def _pem(public: Any) -> bytes:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(public.public_bytes(serialization.Encoding.PEM, spki))


def public_key(path: Path) -> SSlibKey:
    """The public key in a PEM file. Raises GamedayError when there is none."""
    try:
        return SSlibKey.from_crypto(serialization.load_pem_public_key(read_bytes(path, LARGEST_BYTES)))
    except FileNotFoundError:
        raise GamedayError(f"the key {path} cannot be read: there is no such file") from None
    except Unreadable as error:
        raise GamedayError(f"the key {path} cannot be read: {error}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise GamedayError(
            f"{path} holds no public key; gameday keys made one beside the private key"
        ) from None


def make(folder: Path, name: str) -> tuple[Path, Path, str]:
    """Make an Ed25519 key pair: the paths of the private and the public half, and the key's id.

    Raises GamedayError rather than replace a key.
    """
    private_path, public_path = folder / f"{name}.key", folder / f"{name}.pub"
    private = Ed25519PrivateKey.generate()
    plain = serialization.NoEncryption()
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # never readable by others, not even for a moment
        descriptor = os.open(private_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        public_path.write_bytes(_pem(private.public_key()))
    except FileExistsError:
        raise GamedayError(f"{private_path} is there already; choose another --name") from None
    except OSError as error:
        raise GamedayError(f"cannot write {folder}: {error.strerror}") from None
    return private_path, public_path, SSlibKey.from_crypto(private.public_key()).keyid
