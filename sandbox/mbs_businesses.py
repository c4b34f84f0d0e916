"""The three invented businesses that the authority knows, their key files and their QR codes."""

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ENABLED_AT = "2026-01-12T09:00:00.000Z"


@dataclass(frozen=True)
class Business:
    """One taxpayer: an entity with one business. The key pair is made when first needed and kept for the process."""

    entity_id: str
    business_id: str
    name: str
    tin: str
    rc_number: str
    email: str
    telephone: str
    description: str
    street: str
    city: str
    postal_zone: str
    state: str
    lga: str
    sector: str

    @property
    def service_id(self) -> str:
        """Second group of the entity's id and of the business's id, as every published sample has it."""
        return (self.entity_id.split("-")[1] + self.business_id.split("-")[1]).upper()

    @property
    def api_key(self) -> str:
        """The key of the pair that is this business's own; integrators' pairs are good for every business."""
        return str(uuid5(NAMESPACE_URL, self.business_id))

    @property
    def api_secret(self) -> str:
        """The secret that goes with it: 100 characters."""
        return hashlib.sha512(self.business_id.encode()).hexdigest()[:100]

    @property
    def irn_template(self) -> str:
        """The template text that the entity call shows."""
        return _template(self.service_id)

    @property
    def certificate(self) -> str:
        """The opaque token of the key file: 32 bytes in base64, in base64 again (60 characters)."""
        token = hashlib.sha256(self.business_id.encode()).digest()
        return base64.b64encode(base64.b64encode(token)).decode()

    @cached_property
    def _private_key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public_key(self) -> str:
        """The PEM of the public key in base64, as the dashboard's file has it."""
        pem = self._private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(pem).decode()

    def decrypt(self, payload: bytes) -> dict[str, Any] | None:
        """Return the object inside a QR payload, or None when it was not made with this business's key."""
        try:
            content = json.loads(self._private_key.decrypt(payload, padding.PKCS1v15()))
        except ValueError:  # a wrong key gives this, or random bytes that are no JSON
            return None
        return content if isinstance(content, dict) else None

    def profile(self) -> dict[str, Any]:
        """Return what the control endpoint tells about the business, with its key file."""
        return {
            "entity_id": self.entity_id,
            "business_id": self.business_id,
            "name": self.name,
            "tin": self.tin,
            "rc_number": self.rc_number,
            "email": self.email,
            "telephone": self.telephone,
            "description": self.description,
            "street": self.street,
            "city": self.city,
            "postal_zone": self.postal_zone,
            "state": self.state,
            "lga": self.lga,
            "country": "NG",
            "irn_template": self.irn_template,
            "service_id": self.service_id,
            "api_key": self.api_key,
            "api_secret": self.api_secret,
            "key_file": {"public_key": self.public_key, "certificate": self.certificate},
        }

    def entity(self, other_service_id: str = "") -> dict[str, Any]:
        """Return the entity as the authority's own API shows it, with another service id in its template if given."""
        return {
            "id": self.entity_id,
            "reference": self.service_id.lower(),
            "custom_settings": None,
            "created_at": ENABLED_AT,
            "updated_at": ENABLED_AT,
            "is_active": True,
            "app_reference": "sandbox",
            "businesses": [
                {
                    "id": self.business_id,
                    "reference": self.service_id.lower(),
                    "name": self.name,
                    "custom_settings": None,
                    "created_at": ENABLED_AT,
                    "updated_at": ENABLED_AT,
                    "tin": self.tin,
                    "sector": self.sector,
                    "annual_turnover": "1000000000",
                    "support_peppol": False,
                    "is_realtime_reporting": False,
                    "notification_channels": "",
                    "erp_system": "",
                    "irn_template": _template(other_service_id or self.service_id),
                    "is_active": True,
                }
            ],
        }


BUSINESSES = (
    Business(
        "7d3f2b90-c41d-4a55-9e10-0f1e2d3c4b5a", "5b0e7c1a-9d42-4f6e-8c37-1a2b3c4d5e6f", "Adupe Office Supplies Ltd",
        "90012345-0001", "RC0000001", "accounts@adupe-office.example", "+2348000000101",
        "Sells and fits office furniture and equipment", "14 Fictional Crescent", "Ikorodu", "104101", "NG-LA",
        "NG-LA-IKO", "Trade",
    ),
    Business(
        "2c9a51e7-08bf-4d13-a6e4-5f7081923a4b", "e4b6d802-71aa-4c95-b0d3-6c5d4e3f2a1b", "Okuta Building Works Ltd",
        "90067890-0001", "RC0000002", "finance@okuta-building.example", "+2348000000303",
        "Builds and finishes shops and offices", "3 Sample Close", "Aba", "450101", "NG-AB", "NG-AB-ANO",
        "Construction",
    ),
    Business(
        "9f10c3d4-5e6b-4f87-8a9b-0c1d2e3f4a5b", "136fa7b8-c0d9-4e21-9f30-7b8c9dae0f1c", "Zobo Springs Foods Ltd",
        "90024680-0001", "RC0000003", "books@zobo-springs.example", "+2348000000404",
        "Bottles drinks and runs three shops", "8 Example Road", "Port Harcourt", "500101", "NG-RI", "", "Food",
    ),
)  # fmt: skip


def _template(service_id: str) -> str:
    return "{{invoice_id(e.g:INV00XXX)}}-" + service_id + "-{{YYYYMMDD(e.g:20250629)}}"


def business_with_key(api_key: str, api_secret: str) -> Business | None:
    """Return the business whose own pair this is, or None."""
    return next((known for known in BUSINESSES if (known.api_key, known.api_secret) == (api_key, api_secret)), None)


def business_of(business_id: str) -> Business | None:
    """Return the business with this id, or None."""
    return next((known for known in BUSINESSES if known.business_id == business_id.lower()), None)


def read_qr(payload: str) -> dict[str, Any] | None:
    """Decrypt an invoice's QR content; None when no business's key fits or the payload is malformed.

    Returns irn, suffix_form (unix, hms, none or unknown), certificate_ok and business_id.
    """
    try:
        encrypted = base64.b64decode(payload, validate=True)
    except ValueError:
        return None
    for business in BUSINESSES:
        content = business.decrypt(encrypted)
        if content is not None and isinstance(content.get("irn"), str):
            irn, _, suffix = content["irn"].partition(".")
            return {
                "irn": irn,
                "suffix_form": _suffix_form(suffix),
                "certificate_ok": content.get("certificate") == business.certificate,
                "business_id": business.business_id,
            }
    return None


def _suffix_form(suffix: str) -> str:
    if not suffix:
        return "none"
    if not suffix.isdigit():
        return "unknown"
    return {10: "unix", 9: "hms"}.get(len(suffix), "unknown")
