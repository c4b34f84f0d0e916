"""What checks of signed notices have in common: freshness, HMAC and a comparison that tells nothing by its time."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from integrations.base.errors import InvalidSignature


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as its sender signed it.

    `url` is the configured public address with the query as it was sent: never what a proxy says the host is.
    `body` is the bytes as received; `headers` finds names in any case; `received_ms` is Unix time in milliseconds.
    `secrets` are the account's own, where it has an address of its own.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    received_ms: int
    secrets: tuple[str, ...] = field(default=(), repr=False)


def hmac_sha256(secret: str, message: bytes) -> str:
    """Return the HMAC in base64."""
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()


def check_signature(given: str, message: bytes, secrets: Iterable[str]) -> None:
    """Accept a signature made with any of the secrets; raises InvalidSignature otherwise.

    Bytes are compared, because comparing text raises on a header that is not ASCII.
    """
    right = [hmac.compare_digest(hmac_sha256(secret, message).encode(), given.encode()) for secret in secrets]
    if not any(right):
        raise InvalidSignature("The signature does not belong to this body, address and time.")


def check_fresh(timestamp: str, now_ms: int, limit_ms: int) -> None:
    """Accept a time in Unix milliseconds at most `limit_ms` from now, either way; raises InvalidSignature."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 16):
        raise InvalidSignature("The request does not say in Unix milliseconds when it was signed.")
    if abs(now_ms - int(timestamp)) > limit_ms:
        raise InvalidSignature(f"The request was signed more than {limit_ms // 60_000} minutes from now.")
