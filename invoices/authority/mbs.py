"""Nigeria's tax authority (NRS), its MBS platform: one method per endpoint, answers classified, nothing raised."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any
from urllib.parse import quote

import orjson

from integrations.base.errors import IntegrationError
from invoices.authority.base import (
    Absent,
    Accepted,
    CredentialsRefused,
    Downloaded,
    EntityFound,
    Found,
    Listed,
    ListingFailed,
    Lookup,
    LookupFailed,
    Numbers,
    Offline,
    PartyFound,
    Undecipherable,
    VatReport,
    Verdict,
)
from invoices.authority.decryption import CannotDecrypt, decrypted
from invoices.authority.entities import businesses_in
from invoices.authority.environment import mixed_environments
from invoices.authority.refusals import read_transmit_refusal, read_write_refusal
from invoices.authority.transport import LOOKUP_SECONDS, Transport, data_of, evidence_in, evidence_of

PAGE, MOST_PAGES = 100, 1_000  # of a list; the largest page is not published, so its own word for more counts
OFFLINE = "The access point of this taxpayer cannot be reached now."


class MBSAuthority(Transport):
    """The authority behind settings.MBS_BASE_URL, spoken to with one pair of keys."""

    def validate(self, body: bytes) -> Verdict:
        """Ask whether the document would be accepted."""
        return self._hand_in("/invoice/validate", body)

    def sign(self, body: bytes) -> Verdict:
        """Register the document: signing is the act of registration."""
        return self._hand_in("/invoice/sign", body)

    def confirm(self, irn: str) -> Lookup:
        """Ask for one invoice by its number."""
        answer = self._look_up(f"/invoice/confirm/{irn}")
        if not isinstance(answer, tuple):
            return answer
        data, evidence = answer
        if not isinstance(data, dict) or not data.get("issue_date"):
            return LookupFailed("The tax authority's answer about the invoice says nothing.", **evidence)
        return _found(data, evidence)

    def search(self, *, business_id: str, irn: str) -> Lookup:
        """Look for the number among the business's invoices; no items means that it is not there."""
        answer = self._look_up(f"/invoice/{business_id}", params={"irn": irn})
        if isinstance(answer, Absent):  # a 404 here means that the business is unknown, not the invoice
            return LookupFailed("The tax authority does not know this business.", **evidence_in(answer))
        if not isinstance(answer, tuple):
            return answer
        data, evidence = answer
        if not isinstance(data, dict) or not isinstance(data.get("page"), dict) or "items" not in data:
            return LookupFailed("The tax authority's list of invoices cannot be read.", **evidence)
        items = [item for item in data["items"] or [] if isinstance(item, dict)]
        same = [item for item in items if str(item.get("irn", "")).upper() == irn.upper()]
        if same:
            return _found(same[0], evidence)
        if items:
            return LookupFailed("The tax authority listed other invoices than the one asked for.", **evidence)
        return Absent(**evidence)

    def list_numbers(self, *, business_id: str, day: date) -> Numbers | ListingFailed:
        """Page through the business's list of one day; a page that lacks makes the whole list worthless."""
        found: list[str] = []
        for page in range(1, MOST_PAGES + 1):
            params = {
                "issue_date": day.isoformat(),
                "size": str(PAGE),
                "page": str(page),
                "sort_direction_desc": "false",
            }
            answer = self._look_up(f"/invoice/{business_id}", params=params)
            if not isinstance(answer, tuple):
                sentence = getattr(answer, "sentence", "The tax authority does not know this business.")
                return ListingFailed(sentence, **evidence_in(answer))
            data, evidence = answer
            if not isinstance(data, dict) or not isinstance(data.get("page"), dict) or "items" not in data:
                return ListingFailed("The tax authority's list of invoices cannot be read.", **evidence)
            items = [item for item in data["items"] or [] if isinstance(item, dict)]
            found += (str(item.get("irn", "")).upper() for item in items if _day(item.get("issue_date")) in (day, None))
            if not data["page"].get("hasNextPage"):
                return Numbers(tuple(found), http_status=evidence["http_status"])
        return ListingFailed(f"The tax authority lists more than {PAGE * MOST_PAGES:,} invoices of one day.")

    def check_credentials(self) -> Accepted | CredentialsRefused | LookupFailed:
        """List the first entity: harmless, and refused without the right keys."""
        answer = self._look_up("/entity", params={"size": "1"})
        if isinstance(answer, tuple):
            return Accepted({}, **answer[1])
        if isinstance(answer, CredentialsRefused):
            return answer
        return LookupFailed("The tax authority did not say whether the keys are right.", **evidence_in(answer))

    def transmit(self, irn: str) -> Verdict | Offline:
        """Pass a signed document on to the buyer's access point."""
        answer: Verdict | Offline = self._write("POST", f"/invoice/transmit/{quote(irn)}", b"{}", read_transmit_refusal)
        return answer

    def update_payment_status(self, irn: str, status: str) -> Verdict:
        """Set the payment status."""
        body = orjson.dumps({"payment_status": status})
        answer: Verdict = self._write("PATCH", f"/invoice/update/{quote(irn)}", body, read_write_refusal)
        return answer

    def report_vat(self, report: VatReport) -> Verdict:
        """Report the VAT of a paid invoice."""
        answer: Verdict = self._write("POST", "/vat/postpayment", orjson.dumps(asdict(report)), read_write_refusal)
        return answer

    def download(self, irn: str) -> Downloaded | Absent | Undecipherable | LookupFailed | CredentialsRefused:
        """Return the authority's copy, opened with the key that settings.MBS_DOWNLOAD_KEY_FORM names."""
        answer = self._look_up(f"/invoice/download/{quote(irn)}")
        if not isinstance(answer, tuple):
            return answer  # type: ignore[no-any-return]
        data, evidence = answer
        if not isinstance(data, dict):
            return LookupFailed("The tax authority's copy of the document cannot be read.", **evidence)
        try:
            document = decrypted(data, api_key=self._api_key)
        except CannotDecrypt as problem:
            return Undecipherable(str(problem), http_status=evidence["http_status"])
        return Downloaded(document, http_status=evidence["http_status"])

    def entity(self, entity_id: str) -> EntityFound | Absent | LookupFailed | CredentialsRefused:
        """Return a taxpayer with its businesses."""
        answer = self._look_up(f"/entity/{quote(entity_id)}")
        if not isinstance(answer, tuple):
            return answer  # type: ignore[no-any-return]
        data, evidence = answer
        if not isinstance(data, dict):
            return LookupFailed("The tax authority's answer about the taxpayer cannot be read.", **evidence)
        return EntityFound(str(data.get("id") or entity_id), businesses_in(data), **evidence)

    def lookup_tin(self, tin: str) -> PartyFound | Absent | Offline | LookupFailed | CredentialsRefused:
        """Ask who is behind a TIN."""
        answer = self._look_up(f"/invoice/transmit/lookup/tin/{quote(tin)}")
        if isinstance(answer, Absent) and "offline" in answer.response:
            return Offline(OFFLINE, http_status=answer.http_status, response=answer.response)
        if not isinstance(answer, tuple):
            return answer  # type: ignore[no-any-return]
        data, evidence = answer
        party = data.get("accounting_customer_party") if isinstance(data, dict) else None
        party = party if isinstance(party, dict) else {}
        return PartyFound(str(party.get("party_name") or ""), str(party.get("tin") or ""), **evidence)

    def resources(self, name: str) -> Listed | LookupFailed:
        """Return a code list. Keys are sent where there are some: sources disagree on whether it wants them."""
        mixed = mixed_environments()
        if mixed:
            return LookupFailed(mixed)
        try:
            response = self._send("GET", f"/invoice/resources/{quote(name)}", None, None, LOOKUP_SECONDS)
        except IntegrationError as trouble:
            return LookupFailed(trouble.sentence, http_status=trouble.status)
        data = data_of(response)
        if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
            return LookupFailed("The tax authority's code list cannot be read.", **evidence_of(response))
        return Listed(tuple(data), http_status=response.status_code)


def _found(data: dict[str, Any], evidence: dict[str, Any]) -> Found:
    return Found(
        issue_date=_day(data.get("issue_date")),
        payment_status=str(data.get("payment_status") or ""),
        transmitted=data.get("transmitted") is True,
        delivered=data.get("delivered") is True,
        **evidence,
    )


def _day(text: Any) -> date | None:
    """Read a plain date or an RFC 3339 midnight: the one endpoint sends this, the other that."""
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return None
