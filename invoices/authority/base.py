"""What a tax authority can be asked and what it can answer. Every answer is a value; nothing is raised."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol


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


@dataclass(frozen=True, slots=True)
class Offline(Answer):
    """The buyer's access point cannot be reached; nothing was queued on the other side."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Downloaded(Answer):
    """The authority's copy of a document, decrypted; `response` is left empty, the copy is in `document`."""

    document: bytes


@dataclass(frozen=True, slots=True)
class Undecipherable(Answer):
    """The authority sent a copy that these keys do not open."""

    sentence: str


@dataclass(frozen=True, slots=True)
class EnabledBusiness:
    """One business of a taxpayer as the authority shows it; `service_id` is "" where its template has none."""

    business_id: str
    name: str
    tin: str
    irn_template: str
    service_id: str


@dataclass(frozen=True, slots=True)
class EntityFound(Answer):
    """A taxpayer and its businesses."""

    entity_id: str
    businesses: tuple[EnabledBusiness, ...]


@dataclass(frozen=True, slots=True)
class PartyFound(Answer):
    """Who is behind a TIN on the exchange; "" where the authority names nobody."""

    name: str
    tin: str


@dataclass(frozen=True, slots=True)
class Listed(Answer):
    """One of the authority's code lists, row by row as it came; `response` is left empty."""

    rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Numbers(Answer):
    """All numbers of one day of issue that the authority holds of a business; `response` is left empty."""

    irns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListingFailed(Answer):
    """The list could not be had whole, so it proves nothing."""

    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VatReport:
    """What is reported of an invoice once it is paid. Every value goes out as text."""

    agent_tin: str
    beneficiary_tin: str
    irn: str
    currency: str
    item_description: str
    base_amount: str
    vat_calculated: str
    vat_rate: str
    vat_status: str
    other_taxes: str
    total_amount: str
    transaction_date: str
    integrator_service_id: str


Verdict = Accepted | Rejected | Unclear | CredentialsRefused
Lookup = Found | Absent | LookupFailed | CredentialsRefused


class Authority(Protocol):
    """A tax authority, reached with one business's keys. No method raises for what the other side does."""

    name: str

    def __init__(self, *, api_key: str, api_secret: str, business: str = "") -> None:
        """Take the keys, "" where there is none, and the name under which a business's calls are counted."""

    def transmit(self, irn: str) -> Verdict | Offline:
        """Ask for the document to be passed to the buyer's access point. Never repeated by the client."""

    def update_payment_status(self, irn: str, status: str) -> Verdict:
        """Set PENDING, PAID or the word for a void; setting it twice is harmless."""

    def report_vat(self, report: VatReport) -> Verdict:
        """Report the VAT of a paid invoice. No look-up tells whether it arrived, so it is never repeated blindly."""

    def download(self, irn: str) -> Downloaded | Absent | Undecipherable | LookupFailed | CredentialsRefused:
        """Return the authority's copy of a document."""

    def entity(self, entity_id: str) -> EntityFound | Absent | LookupFailed | CredentialsRefused:
        """Return a taxpayer with its businesses and their IRN templates."""

    def lookup_tin(self, tin: str) -> PartyFound | Absent | Offline | LookupFailed | CredentialsRefused:
        """Ask who is behind a TIN on the exchange."""

    def resources(self, name: str) -> Listed | LookupFailed:
        """Return a code list, for example "tax-categories"; needs no keys."""

    def validate(self, body: bytes) -> Verdict:
        """Ask whether the document would be accepted; changes nothing there."""

    def sign(self, body: bytes) -> Verdict:
        """Hand the document in, once, byte for byte. Never repeated by the client."""

    def confirm(self, irn: str) -> Lookup:
        """Ask for one invoice by its number."""

    def search(self, *, business_id: str, irn: str) -> Lookup:
        """Look for the number among the business's invoices: the surest test that it is not there."""

    def list_numbers(self, *, business_id: str, day: date) -> Numbers | ListingFailed:
        """Return every number of a day of issue that the authority holds of a business."""

    def check_credentials(self) -> Accepted | CredentialsRefused | LookupFailed:
        """Ask something harmless that needs the keys."""

    def close(self) -> None:
        """Let the connections go."""
