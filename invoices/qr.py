"""The business's key file, the QR payload that only the authority can read, and its picture."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import zxingcpp
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from invoices.irn import LAGOS

PEM = re.compile(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)
# Dark modules side by side; the quiet zone keeps a run from going on in the next row.
DARK = re.compile(rb"\x00+")
WHERE = "Download crypto_keys.txt again from the authority's dashboard and give it as it is."


class KeyFileInvalid(ValueError):
    """The key file cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A business's public key (PEM text) and certificate token, which is opaque and no X.509 certificate."""

    public_key: str
    certificate: str


def parse_key_file(text: str) -> KeyFile:
    """Read the authority's key file.

    It comes as a JSON object with `public_key` (base64 of PEM) and `certificate`, or, by the portal's own
    page, as a PEM block followed by the certificate line. Raises KeyFileInvalid otherwise.
    """
    text = text.strip().removeprefix("\ufeff")
    if not text:
        raise KeyFileInvalid(f"The key file is empty. {WHERE}")
    public_key, certificate = _from_json(text) if text.startswith("{") else _from_pem(text)
    load_public_key(public_key)
    _check_certificate(certificate)
    return KeyFile(public_key, certificate)


@lru_cache(maxsize=64)
def load_public_key(pem: str) -> RSAPublicKey:
    """Return the RSA key of a PEM text; raises KeyFileInvalid when it is none."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, TypeError) as problem:
        raise KeyFileInvalid(f"The key file's public key cannot be read. {WHERE}") from problem
    if not isinstance(key, RSAPublicKey):
        raise KeyFileInvalid(f"The key file's public key is not an RSA key. {WHERE}")
    return key


def suffix(form: str, instant: datetime) -> str:
    """Return what is stamped behind the IRN: "unix" seconds, "hms" Lagos HHmmssSSS, or "none" nothing.

    The authority's page shows Unix seconds, two clients do otherwise: settings.MBS_QR_SUFFIX decides. Raises
    ValueError for another form.
    """
    if form == "unix":
        return f".{int(instant.timestamp())}"
    if form == "hms":
        local = instant.astimezone(LAGOS)
        return f".{local:%H%M%S}{local.microsecond // 1000:03d}"
    if form == "none":
        return ""
    raise ValueError(f"MBS_QR_SUFFIX is {form!r}; it takes unix, hms or none.")


def qr_payload(*, irn: str, public_key: str, certificate: str, stamp: str) -> str:
    """Return the 344 characters of the QR code; random on each call, so the first one is kept.

    RSA with PKCS#1 v1.5 padding over compact JSON is the authority's choice, not ours. Raises KeyFileInvalid.
    """
    plain = json.dumps({"irn": irn + stamp, "certificate": certificate}, separators=(",", ":"))
    sealed = load_public_key(public_key).encrypt(plain.encode(), padding.PKCS1v15())
    return base64.b64encode(sealed).decode()


def qr_svg(payload: str) -> str:
    """Return the code as an SVG element: level M, quiet zone of 4 modules, scaled by its viewBox.

    One stroke a run of dark modules, a module wide and all in one path, so that no seam shows between them: for whoever
    sets or shows it, two points a run are less work than a rectangle, and far less than one for each module.
    """
    code = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    picture = code.to_image(scale=1, add_quiet_zones=True)
    side, modules = picture.shape[0], bytes(memoryview(picture))  # type: ignore[arg-type]  # a byte a module
    strokes, x, y = ["M0 .5"], 0, 0
    for run in DARK.finditer(modules):
        row, column = divmod(run.start(), side)
        length = len(run[0])
        strokes.append(f"m{column - x} {row - y}h{length}")  # from the end of the one before: the shortest to read
        x, y = column + length, row
    path = "".join(strokes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f"<title>QR code of the invoice</title>"
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path fill="none" stroke="#000" d="{path}"/></svg>'
    )


def _from_json(text: str) -> tuple[str, str]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as problem:
        raise KeyFileInvalid(f"The key file is cut short or altered: it is no readable JSON. {WHERE}") from problem
    values = [data.get(name) for name in ("public_key", "certificate")]
    for name, value in zip(("public_key", "certificate"), values, strict=True):
        if not isinstance(value, str) or not value.strip():
            raise KeyFileInvalid(f"The key file has no {name}. {WHERE}")
    return _pem(str(values[0]).strip()), str(values[1]).strip()


def _pem(text: str) -> str:
    if "BEGIN PUBLIC KEY" in text:
        return text
    try:
        return base64.b64decode(text, validate=True).decode("ascii").strip()
    except (binascii.Error, UnicodeDecodeError) as problem:
        raise KeyFileInvalid(f"The key file's public key is not base64 text. {WHERE}") from problem


def _from_pem(text: str) -> tuple[str, str]:
    block = PEM.search(text)
    if block is None:
        raise KeyFileInvalid(f"The key file has neither the JSON form nor a PUBLIC KEY block. {WHERE}")
    rest = [line.strip() for line in text[block.end() :].splitlines() if line.strip()]
    if not rest:
        raise KeyFileInvalid(f"The key file has no certificate line after the public key. {WHERE}")
    return block.group(0), rest[0].removeprefix("certificate").lstrip(":= ").strip()


def _check_certificate(certificate: str) -> None:
    try:
        base64.b64decode(certificate, validate=True)
    except binascii.Error as problem:
        raise KeyFileInvalid(f"The key file's certificate is not base64 text. {WHERE}") from problem
