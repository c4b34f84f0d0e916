from __future__ import annotations

import pytest

from accounts.models import Organization
from integrations.base import http
from invoices.models import Business
from tests.invoices.making import make_business
from tests.sandbox_process import SandboxProcess


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a client that was refused try again at once."""
    monkeypatch.setattr(http, "MAX_WAIT", 0.01)


@pytest.fixture
def business(organization: Organization, sandbox: SandboxProcess) -> Business:
    """Return a complete business profile."""
    return make_business(organization, sandbox.get("/_control/businesses")[0])
