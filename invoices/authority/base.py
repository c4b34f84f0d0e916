"""What a tax authority can be asked and what it can answer. Every answer is a value; nothing is raised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back over the wire, kept as evidence: the HTTP status and the body's text, cut to 16 kB."""

    http_status: int | None = None
    response: str = ""


@dataclass(frozen=True, slots=True)
class Accepted(Answer):
    """The authority said yes. `details` has the texts of its answer, in case it ever carries a stamp of its own."""

    details: dict[str, str]


@dataclass(frozen=True, slots=True)
class Rejected(Answer):
    """A definite no about this document: `field` is our path, `label` its name, `where` what to do about it."""

    sentence: str
    field: str = ""
    label: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Unclear(Answer):
    """It may or may not have happened: ask before anything is sent again."""

    sentence: str


@dataclass(frozen=True, slots=True)
class CredentialsRefused(Answer):
    """The keys are missing or wrong: nothing of this business can go out until somebody mends them."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Found(Answer):
    """The authority holds an invoice of that number."""

    issue_date: date | None = None
    payment_status: str = ""
    transmitted: bool = False
    delivered: bool = False


@dataclass(frozen=True, slots=True)
class Absent(Answer):
    """The authority says that it holds no invoice of that number."""


@dataclass(frozen=True, slots=True)
class LookupFailed(Answer):
    """The question got no usable answer."""

    sentence: str


Verdict = Accepted | Rejected | Unclear | CredentialsRefused
Lookup = Found | Absent | LookupFailed | CredentialsRefused


class Authority(Protocol):
    """A tax authority, reached with one business's keys. No method raises for what the other side does."""

    name: str

    def __init__(self, *, api_key: str, api_secret: str) -> None:
        """Take the keys; "" where there is none."""

    def validate(self, body: bytes) -> Verdict:
        """Ask whether the document would be accepted; changes nothing there."""

    def sign(self, body: bytes) -> Verdict:
        """Hand the document in, once, byte for byte. Never repeated by the client."""

    def confirm(self, irn: str) -> Lookup:
        """Ask for one invoice by its number."""

    def search(self, *, business_id: str, irn: str) -> Lookup:
        """Look for the number among the business's invoices: the surest test that it is not there."""

    def check_credentials(self) -> Accepted | CredentialsRefused | LookupFailed:
        """Ask something harmless that needs the keys."""

    def close(self) -> None:
        """Let the connections go."""
