from __future__ import annotations

from collections.abc import Callable

import pytest

from invoices.models import Business, Invoice, Status
from tests.invoices.standing import stand_at


@pytest.fixture
def signed(business: Business, issue: Callable[..., Invoice]) -> Invoice:
    """Return an invoice that the authority holds."""
    return stand_at(issue(), Status.SIGNED)
