"""Two Paystack accounts of the sandbox, and what the people at their terminals do."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django_scopes import scope

from accounts.models import Organization, User
from integrations.base.auth import Tokens
from integrations.models import Connection
from integrations.services.connections import connect_account
from invoices.models import Invoice, Status
from invoices.services.issuing import issue_drafts
from tests.factories import make_user
from tests.invoices.making import SERVICE, make_business, make_connection, make_draft
from tests.invoices.standing import stand_at
from tests.sandbox_process import SandboxProcess

ONE, TWO = "sk_test_sandbox-one", "sk_test_sandbox-two"


class Issuer:
    """Issues invoices of one organization, each of one line without VAT, so that it comes to just its price."""

    def __init__(self, organization: Organization, account: Connection) -> None:
        self.organization, self.account = organization, account

    def __call__(self, naira: int = 5000, status: str = Status.SIGNED) -> Invoice:
        """Return an invoice of today that stands at a status."""
        line = replace(SERVICE, unit_price=Decimal(naira), tax_category="ZERO_VAT")
        draft = make_draft(self.account.pk, lines=(line,), document_discount=Decimal(0))
        [issued] = issue_drafts(organization=self.organization, drafts=[draft])
        invoice = Invoice.objects.get(pk=issued.invoice_id)
        assert invoice.payable_amount == naira
        return stand_at(invoice, status)


class Terminal:
    """The terminal of one account."""

    def __init__(self, sandbox: SandboxProcess, key: str) -> None:
        self.sandbox, self.key = sandbox, key

    def take(self, amount: int = 500_000, **what: Any) -> dict[str, Any]:
        """Take a payment in kobo and return its transaction."""
        body = {"key": self.key, "amount": amount, **what}
        transaction: dict[str, Any] = self.sandbox.post("/_control/paystack/payments", body)
        return transaction

    def finish(self, reference: str, status: str = "success") -> None:
        """End a payment that was left pending."""
        self.sandbox.post(f"/_control/paystack/payments/{reference}/finish", {"key": self.key, "status": status})

    def refund(self, reference: str, **what: Any) -> None:
        """Give back a payment or a part of it."""
        self.sandbox.post("/_control/paystack/refunds", {"key": self.key, "reference": reference, **what})


@pytest.fixture
def paystack(sandbox: SandboxProcess, settings: Any) -> SandboxProcess:
    """Return the sandbox, with Paystack's address in the settings pointing to it."""
    settings.PAYSTACK_BASE = sandbox.url
    return sandbox


@pytest.fixture
def terminal(paystack: SandboxProcess) -> Terminal:
    """Return the terminal of the first account."""
    return Terminal(paystack, ONE)


def connect(organization: Organization, key: str) -> Connection:
    """Return a connection to the account of a key."""
    return connect_account(organization=organization, provider="paystack", tokens=Tokens(access_token=key))


@pytest.fixture
def paying(organization: Organization, paystack: SandboxProcess) -> Connection:
    """Return the organization's connection to the first account."""
    return connect(organization, ONE)


@pytest.fixture
def others_paying(paystack: SandboxProcess, other_organization: Organization) -> Connection:
    """Return another organization's connection to the second account."""
    with scope(organization=other_organization):
        return connect(other_organization, TWO)


@pytest.fixture
def issue(organization: Organization, paystack: SandboxProcess) -> Issuer:
    """Return what issues the organization's invoices."""
    make_business(organization, paystack.get("/_control/businesses")[0])
    return Issuer(organization, make_connection(organization))


@pytest.fixture
def others_issue(other_organization: Organization, paystack: SandboxProcess) -> Issuer:
    """Return what issues another organization's invoices."""
    with scope(organization=other_organization):
        make_business(other_organization, paystack.get("/_control/businesses")[1])
        return Issuer(other_organization, make_connection(other_organization, "62516"))


@pytest.fixture
def person(db: None) -> User:
    """Return somebody who decides."""
    return make_user("decides@adupe.example")
