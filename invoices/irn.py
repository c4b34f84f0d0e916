"""Invoice numbers and the Invoice Reference Number: `<number>-<service id>-<YYYYMMDD>`, unique at the authority."""

from __future__ import annotations

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

LAGOS = ZoneInfo("Africa/Lagos")
# Letters and digits only, upper case: whether the authority compares case-sensitively is not published.
NUMBER = re.compile(r"[A-Z0-9]{1,32}")
SERVICE_ID = re.compile(r"[A-Z0-9]{8}")
IRN = re.compile(r"[A-Z0-9]{1,32}-[A-Z0-9]{8}-\d{8}")
MAX_LENGTH = 50  # the access points' own documents say so; 32 + 1 + 8 + 1 + 8


class IrnInvalid(ValueError):
    """A part of the reference number has the wrong shape; the text says which."""


def number_text(prefix: str, position: int) -> str:
    """Return the number as it is printed: the prefix and at least six digits, "INV000001"."""
    text = f"{prefix}{position:06d}"
    if position < 1 or not NUMBER.fullmatch(text):
        raise IrnInvalid(f"{text} is no invoice number: it takes 1 to 32 capital letters and digits.")
    return text


def make_irn(number: str, service_id: str, issue_date: date) -> str:
    """Return the reference number; raises IrnInvalid when a part has the wrong shape."""
    if not NUMBER.fullmatch(number):
        raise IrnInvalid(f"{number!r} is no invoice number: it takes 1 to 32 capital letters and digits.")
    if not SERVICE_ID.fullmatch(service_id):
        raise IrnInvalid(f"{service_id!r} is no service id: it has 8 capital letters and digits.")
    return f"{number}-{service_id}-{issue_date.isoformat().replace('-', '')}"


def in_lagos(instant: datetime) -> datetime:
    """Return the instant on Nigeria's clock (UTC+1, no summer time), whole seconds; it dates the document."""
    return instant.astimezone(LAGOS).replace(microsecond=0)
