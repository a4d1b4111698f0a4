"""A time stamp of the seal by somebody else (RFC 3161): the pack existed at that moment, whoever made it."""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path

from cryptography import x509
from rfc3161_client import (
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from gameday.errors import GamedayError

LIMIT_S = 20.0
MOST_BYTES = 1_000_000


def ask(server: str, data: bytes) -> bytes:
    """A time-stamp authority's answer for these bytes, as it stands in `seal.tsr`.

    Only a digest leaves this host. Raises GamedayError when the server gives no stamp.
    """
    request = TimestampRequestBuilder().data(data).cert_request(cert_request=True).build()
    headers = {"Content-Type": "application/timestamp-query"}
    asked = urllib.request.Request(server, request.as_bytes(), headers)  # noqa: S310 - checked below
    if asked.type not in ("http", "https"):
        raise GamedayError(f"the time-stamp server {server} is no web address")
    try:
        with urllib.request.urlopen(asked, timeout=LIMIT_S) as answer:  # noqa: S310
            response = bytes(answer.read(MOST_BYTES))
        stamp = decode_timestamp_response(response)
    except (OSError, urllib.error.URLError, ValueError) as error:
        raise GamedayError(f"the time-stamp server {server} gives no stamp: {error}") from None
    if stamp.status not in (0, 1):
        raise GamedayError(f"the time-stamp server {server} refuses: {', '.join(stamp.status_string)}")
    return response


def moment(response: bytes) -> datetime:
    """When the stamp was given. Raises GamedayError when it is no stamp."""
    try:
        return decode_timestamp_response(response).tst_info.gen_time
    except ValueError as error:
        raise GamedayError(f"it is no time stamp: {error}") from None


def check(response: bytes, data: bytes, roots: Path) -> datetime:
    """When these bytes were stamped, by an authority under one of the root certificates (PEM).

    Raises GamedayError when the stamp is not of these bytes, or not by such an authority.
    """
    builder = VerifierBuilder()
    try:
        for root in x509.load_pem_x509_certificates(roots.read_bytes()):
            builder = builder.add_root_certificate(root)
    except ValueError as error:
        raise GamedayError(f"{roots} holds no certificates: {error}") from None
    try:
        builder.build().verify_message(decode_timestamp_response(response), data)
    except (VerificationError, ValueError) as error:
        raise GamedayError(f"the time stamp does not hold: {error}") from None
    return moment(response)
