"""What the authority has of one business: its list by day of issue, and the amounts of its copies."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef
from django.utils import timezone

from invoices.authority.base import Authority, Downloaded, ListingFailed
from invoices.models import REGISTERED, Business, Exchange, Invoice, Purpose, Stage
from invoices.services.authority_keys import Group, authority_for

LAG = timedelta(minutes=5)  # from a signature until the authority's list has it
COMPARED_A_RUN = 500  # documents of ours whose copy is asked for; the next run asks for the next ones
FETCHED_A_RUN = 50  # documents that nobody here made
PAYABLE = "legal_monetary_total.payable_amount"


class Books:
    """The authority's books of one business, each day asked for once; `problem` is the first that came up."""

    def __init__(self, business: Business | None) -> None:
        self.business = business
        self.problem = ""
        self.days: dict[date, set[str] | None] = {}  # None: it could not be asked
        # What was signed since may not be on a list that was asked for before.
        self.signed_before: datetime = timezone.now() - LAG
        self._authorities: dict[Group, Authority] = {}
        self._fetched = 0

    def listed(self, day: date | None) -> set[str] | None:
        """Return the numbers that the authority lists of a day of issue; None when it cannot be asked."""
        if day is None or self.business is None:
            return None
        if day not in self.days:
            authority = self._authority(Group.DOCUMENTS)
            answer = authority.list_numbers(business_id=str(self.business.business_id), day=day)
            if isinstance(answer, ListingFailed):
                self.problem = self.problem or answer.sentence
                self.days[day] = None
            else:
                self.days[day] = set(answer.irns)
        return self.days[day]

    def has(self, irn: str, day: date | None, signed_at: datetime) -> bool | None:
        """Tell whether the authority lists a signed number; None where it cannot be asked, or is too fresh to miss."""
        listed = self.listed(day)
        if listed is None:
            return None
        return irn in listed or (None if signed_at >= self.signed_before else False)

    def amount_of(self, irn: str) -> tuple[Decimal, str] | None:
        """Return (amount to be paid, a credit's negative; currency) of a document that nobody here made.

        None where it cannot be had, or so many were fetched in this run that the next one has to go on.
        """
        if self._fetched >= FETCHED_A_RUN:
            return None
        self._fetched += 1
        answer = self._authority(Group.DOWNLOAD).download(irn)
        return _amount_in(answer.document) if isinstance(answer, Downloaded) else None

    def close(self) -> None:
        """Let the connections go."""
        for authority in self._authorities.values():
            authority.close()

    def _authority(self, group: Group) -> Authority:
        assert self.business is not None  # noqa: S101 - nothing is asked without one
        if group not in self._authorities:
            self._authorities[group] = authority_for(self.business, group)
        return self._authorities[group]


@contextmanager
def books_open(business: Business | None) -> Iterator[Books]:
    """Yield the authority's books of a business, and let the connections go afterwards."""
    books = Books(business)
    try:
        yield books
    finally:
        books.close()


def amounts_there(invoice_ids: Collection[int]) -> dict[int, Decimal]:
    """Return the amounts to be paid of the authority's copies that differ from ours; its list tells none."""
    done = Exchange.objects.filter(invoice__in=invoice_ids, purpose=Purpose.COMPARE, problem__gt="")
    found = {}
    for invoice_id, result in done.values_list("invoice_id", "result"):
        for each in result.get("differences", ()):
            if each["path"] == PAYABLE:
                found[invoice_id] = _number(each["theirs"]) or Decimal(0)
    return found


def ask_for_copies() -> tuple[int, int]:
    """Have the copies of some more signed invoices compared; return (registered, of those compared) so far.

    They are asked for one by one in the background, a second apart, so that what is more pressing is not behind them.
    """
    registered = Invoice.objects.registered()
    asked = Exchange.objects.filter(invoice=OuterRef("pk"), purpose=Purpose.COMPARE)
    waiting = registered.filter(~Exists(asked)).order_by("signed_at", "pk").values_list("pk", flat=True)
    now = timezone.now()
    Exchange.objects.bulk_create(
        [
            Exchange(invoice_id=pk, purpose=Purpose.COMPARE, next_attempt_at=now + timedelta(seconds=number))
            for number, pk in enumerate(waiting[:COMPARED_A_RUN])
        ],
        ignore_conflicts=True,  # somebody may ask for the same one just now
    )
    compared = Exchange.objects.filter(purpose=Purpose.COMPARE, stage=Stage.DONE, invoice__status__in=REGISTERED)
    return registered.count(), compared.count()


def _amount_in(document: bytes) -> tuple[Decimal, str] | None:
    try:
        content: Any = json.loads(document, parse_float=Decimal, parse_int=Decimal)
        amount = _number(str(content["legal_monetary_total"]["payable_amount"]))
        is_credit = content["invoice_type_code"] == "380"
        currency = str(content["document_currency_code"])
    except (ValueError, TypeError, KeyError):
        return None
    return None if amount is None else (-amount if is_credit else amount, currency)


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except ArithmeticError:
        return None
    return number if number.is_finite() else None
