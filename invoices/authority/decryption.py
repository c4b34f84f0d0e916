"""Opens the authority's copy of a document: AES-256-CFB with 128-bit feedback, no padding, base64url."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from django.conf import settings

KEY_BYTES, VECTOR_BYTES, GROUP = 32, 16, 8
WHERE = "Compare MBS_DOWNLOAD_KEY_FORM and the API key with what the authority's documentation says."


class CannotDecrypt(ValueError):
    """The copy cannot be opened; the text says why and what to do."""


def decrypted(data: dict[str, Any], *, api_key: str) -> bytes:
    """Return the plain document of a download's `data` (iv_hex or iv_Hex, pub, data).

    Sources read the key differently and settings.MBS_DOWNLOAD_KEY_FORM decides: "pub" joins `pub` and the first
    eight characters of the API key, "given" takes 32 bytes in base64 from settings.MBS_DOWNLOAD_KEY. Raises
    CannotDecrypt; a wrong key shows by a result that is no JSON text, because this mode has no check of its own.
    """
    fields = {name.lower(): value for name, value in data.items() if isinstance(value, str)}
    try:
        vector = bytes.fromhex(fields["iv_hex"])
        sealed = _from_base64(fields["data"], altchars=b"-_")
    except (KeyError, ValueError) as problem:
        raise CannotDecrypt("The authority's copy is not in the form that its documentation describes.") from problem
    key = _key(fields.get("pub", ""), api_key)
    if len(vector) != VECTOR_BYTES or len(key) != KEY_BYTES:
        raise CannotDecrypt(f"The key of the authority's copy has not the right length. {WHERE}")
    opener = Cipher(AES(key), CFB(vector)).decryptor()
    plain = opener.update(sealed) + opener.finalize()
    if not plain.lstrip().startswith(b"{") or not plain.rstrip().endswith(b"}"):
        raise CannotDecrypt(f"The authority's copy does not open with this key. {WHERE}")
    return plain


def _key(pub: str, api_key: str) -> bytes:
    if settings.MBS_DOWNLOAD_KEY_FORM == "pub":
        return (pub + api_key[:GROUP]).encode("ascii", "replace")
    try:
        return _from_base64(settings.MBS_DOWNLOAD_KEY)
    except ValueError as problem:
        raise CannotDecrypt(f"MBS_DOWNLOAD_KEY is not base64. {WHERE}") from problem


def _from_base64(text: str, altchars: bytes | None = None) -> bytes:
    padded = text.strip() + "=" * (-len(text.strip()) % 4)
    try:
        return base64.b64decode(padded, altchars=altchars, validate=True)
    except binascii.Error as problem:
        raise ValueError(str(problem)) from problem
