from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from accounts.models import Organization
from integrations.models import Connection
from invoices.drafts import InvoiceDraft, Seller
from invoices.models import Business, Invoice
from invoices.services.issuing import issue_drafts
from tests.invoices.making import SELLER_PARTY, make_business, make_connection, make_draft
from tests.sandbox_process import SandboxProcess


@pytest.fixture(scope="session")
def private_key() -> rsa.RSAPrivateKey:
    """Return the half of a key pair that only the authority has."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def seller(private_key: rsa.RSAPrivateKey) -> Seller:
    """Return a seller whose profile is complete."""
    pem = private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return Seller(
        party=SELLER_PARTY,
        business_id="5b0e7c1a-9d42-4f6e-8c37-1a2b3c4d5e6f",
        service_id="C41D9D42",
        public_key=pem,
        certificate=base64.b64encode(base64.b64encode(b"0123456789abcdef0123456789abcdef")).decode(),
    )


@pytest.fixture
def account(organization: Organization) -> Connection:
    """Return the organization's connection."""
    return make_connection(organization)


@pytest.fixture
def business(organization: Organization, sandbox: SandboxProcess, settings: Any) -> Business:
    """Return the organization's profile, known to the sandbox's authority; look-ups are not waited for."""
    settings.MBS_RESOLVE_WAIT_SECONDS = 0
    return make_business(organization, sandbox.get("/_control/businesses")[0])


@pytest.fixture
def issue(organization: Organization, account: Connection) -> Callable[..., Invoice]:
    """Return a function that issues one draft, complete but for the changes, and returns its invoice."""

    def issue_one(draft: InvoiceDraft | None = None, **changes: Any) -> Invoice:
        draft = draft or make_draft(account.pk, **changes)
        [issued] = issue_drafts(organization=organization, drafts=[draft])
        return Invoice.objects.get(pk=issued.invoice_id)

    return issue_one
