"""Telling the provider, on its own deals, what became of their invoices. No invoice ever waits for this."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from crm.connector import CRMConnector
from crm.models import Deal, WriteBack, WriteState
from crm.records import InvoiceFacts
from crm.services.reading import crm_connector
from integrations.base.errors import IntegrationError, NotFound, RateLimited, RequestRejected
from integrations.base.registry import connector_classes
from integrations.models import Connection
from integrations.services.leases import WRITE_BACK, Held, LeaseLost, leased
from invoices.models import Invoice, Status

logger = structlog.get_logger(__name__)

OPTION = "write_back"
SOURCE_KIND = "deal"
A_ROUND = 100
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(days=1)
MAX_ATTEMPTS = 14  # the waits before the last one add up to about four days
WORDS = {
    Status.DRAFT: "Held: facts are missing",
    Status.READY: "Ready to submit",
    Status.APPROVED: "Ready to submit",
    Status.SIGNED: "Signed by the tax authority",
    Status.TRANSMITTED: "Signed by the tax authority",
    Status.DELIVERED: "Signed by the tax authority",
    Status.CREDITED: "Signed, and credited in full",
    Status.VOIDED: "Voided before it was signed",
    Status.CONFIG_ERROR: "Stopped: the tax authority refuses the keys",
    Status.REJECTED: "Rejected by the tax authority",
    Status.UNKNOWN: "Outcome not known yet",
}
ARCHIVED = "The deal is archived or was merged into another, so nothing is written to it."
OURS = "An error of ours stopped it ({name}). Tell support."
GIVEN_UP = "It was tried {number} times and is not tried again until the invoice changes or an owner saves the switch."


@dataclass(frozen=True, slots=True)
class WriteBackSwitch:
    """What a connection's page shows of it: `missing` scopes keep it from working, `failing` deals have a problem."""

    is_on: bool
    missing: tuple[str, ...]
    failing: int


@dataclass(frozen=True, slots=True)
class Claim:
    """One deal that this worker writes to; the time in its row tells its claim from a later one."""

    row: WriteBack
    external_id: str
    facts: InvoiceFacts


def write_back_switch(connection: Connection) -> WriteBackSwitch | None:
    """Return the state of the switch, None where the provider cannot be written to."""
    if not _write_scopes(connection):
        return None
    rows = WriteBack.objects.filter(deal__connection=connection).exclude(problem="")
    failing = rows.exclude(state=WriteState.SKIPPED).count()
    return WriteBackSwitch(_is_on(connection), _missing_scopes(connection), failing)


def switch_write_back(*, connection: Connection, on: bool) -> None:
    """Set the switch; switching it on, even again, makes what failed due at once. What was written stays there."""
    with transaction.atomic():
        locked = Connection.objects.select_for_update(no_key=True).get(pk=connection.pk)
        locked.options = {key: value for key, value in locked.options.items() if key != OPTION}
        if on:
            locked.options[OPTION] = True
            failed = WriteBack.objects.filter(deal__connection=connection).exclude(problem="")
            failed.filter(state__in=[WriteState.WAITING, WriteState.GIVEN_UP]).update(
                state=WriteState.WAITING, attempts=0, next_attempt_at=timezone.now()
            )
        locked.save(update_fields=["options", "updated_at"])
    connection.options = locked.options


def write_back_invoices(*, connection: Connection) -> int:
    """Write up to a hundred invoices' number, status and link onto their deals; return how many were written.

    Nothing is called when it is switched off or known to be forbidden. Whatever goes wrong is recorded on the deal and
    tried again later; a fault that another deal would meet too ends the round. Never raises IntegrationError.
    """
    if not _may_write(connection):
        return 0
    with leased(f"{WRITE_BACK} {connection.pk}") as held:
        claims = _claim(connection, timezone.now()) if held else []
        if not held or not claims:
            return 0
        connector = crm_connector(connection)
        try:
            return _write(connector, connection, claims, held)
        finally:
            connector.close()


def _write_scopes(connection: Connection) -> tuple[str, ...]:
    connector = connector_classes().get(connection.provider)
    return connector.write_scopes if connector is not None and issubclass(connector, CRMConnector) else ()


def _missing_scopes(connection: Connection) -> tuple[str, ...]:
    """Return what was not granted; a key does not tell what it may do, so it is tried."""
    return tuple(s for s in _write_scopes(connection) if connection.scopes and s not in connection.scopes)


def _is_on(connection: Connection) -> bool:
    return connection.options.get(OPTION) is True


def _may_write(connection: Connection) -> bool:
    waits = connection.not_before is not None and connection.not_before > timezone.now()
    possible = bool(_write_scopes(connection)) and not _missing_scopes(connection)
    return _is_on(connection) and connection.is_active and possible and not waits


def _invoices_of_deal(connection: Connection) -> QuerySet[Invoice]:
    return Invoice.objects.filter(connection=connection, source_kind=SOURCE_KIND, source_part="1")


def _untold(connection: Connection, now: datetime) -> QuerySet[Invoice]:
    """Return invoices whose deal does not say what they are now and is not waiting; one in submission moves soon."""
    deal = Q(deal__connection=connection, deal__external_id=OuterRef("source_external_id"))
    same = Q(invoice=OuterRef("pk"), number=Coalesce(OuterRef("number"), Value("")), status=OuterRef("status"))
    settled = Q(state__in=[WriteState.WRITTEN, WriteState.GIVEN_UP]) | Q(
        state=WriteState.SKIPPED, deal__is_archived=True
    )
    done = WriteBack.objects.filter(deal, Q(state=WriteState.WAITING, next_attempt_at__gt=now) | (same & settled))
    known = Deal.objects.filter(connection=connection, external_id=OuterRef("source_external_id"))
    found = _invoices_of_deal(connection).exclude(status=Status.SUBMITTING)
    return found.filter(Exists(known), ~Exists(done)).order_by("pk")


def _withdrawn(connection: Connection, now: datetime) -> QuerySet[WriteBack]:
    """Return rows of live deals that still speak of a draft which was taken back."""
    invoices = _invoices_of_deal(connection).filter(source_external_id=OuterRef("deal__external_id"))
    rows = WriteBack.objects.filter(~Exists(invoices), deal__connection=connection, deal__is_archived=False)
    told = rows.exclude(status="") | rows.filter(state=WriteState.WAITING)
    return told.exclude(state=WriteState.WAITING, next_attempt_at__gt=now).order_by("pk")


def _claim(connection: Connection, now: datetime) -> list[Claim]:
    """Take the next deals for the worker that holds the connection's lease."""
    with transaction.atomic():
        invoices = list(_untold(connection, now).only("pk", "number", "status", "source_external_id")[:A_ROUND])
        wanted: dict[str, Invoice | None] = {each.source_external_id: each for each in invoices}
        withdrawn = _withdrawn(connection, now).values_list("deal__external_id", flat=True)
        wanted |= dict.fromkeys(withdrawn[: A_ROUND - len(wanted)])
        deals = Deal.objects.filter(connection=connection, external_id__in=list(wanted)).order_by("pk")
        deals = deals.select_related("write_back").only("external_id", "is_archived", "write_back")
        claims = [_wanted(deal, wanted[deal.external_id], now) for deal in deals]
        columns = ["state", "invoice", "number", "status", "attempts", "next_attempt_at", "problem", "updated_at"]
        WriteBack.objects.bulk_create(
            [claim.row for claim in claims], update_conflicts=True, unique_fields=["deal"], update_fields=columns
        )
    return [claim for claim in claims if claim.row.state == WriteState.WAITING]


def _wanted(deal: Deal, invoice: Invoice | None, now: datetime) -> Claim:
    """Return what a deal should say, as a row that is not saved yet."""
    before: WriteBack | None = getattr(deal, "write_back", None)
    number, status = (invoice.number or "", invoice.status) if invoice else ("", "")
    row = WriteBack(deal=deal, invoice=invoice, number=number, status=status, next_attempt_at=now)
    if before and (before.invoice_id, before.number, before.status) == (row.invoice_id, number, status):
        row.attempts, row.problem = before.attempts, before.problem
    if deal.is_archived:
        row.state, row.next_attempt_at, row.problem = WriteState.SKIPPED, None, ARCHIVED
    link = settings.PUBLIC_URL + reverse("invoice", args=[invoice.pk]) if invoice else ""
    words = WORDS[Status(status)] if status else ""
    return Claim(row, deal.external_id, InvoiceFacts(number=number, status=words, link=link))


def _write(connector: CRMConnector, connection: Connection, claims: list[Claim], held: Held) -> int:
    written = 0
    for position, claim in enumerate(claims):
        try:
            held.check()
            connector.write_invoice_facts(claim.external_id, claim.facts)
        except (NotFound, RequestRejected) as refusal:
            _failed(claim, refusal.sentence)
        except LeaseLost:
            logger.warning("write_back_taken_over", connection=connection.pk)
            break
        except IntegrationError as problem:  # the next deal would meet it too
            _failed(claim, problem.sentence, problem)
            _give_back(claims[position + 1 :])
            logger.warning("write_back_ended", connection=connection.pk, reason=problem.sentence)
            break
        except Exception as problem:  # one deal that breaks our code must not hold back the others
            logger.exception("write_back_broken", deal=claim.external_id)
            _failed(claim, OURS.format(name=type(problem).__name__))
        else:
            now = timezone.now()
            _record(claim, state=WriteState.WRITTEN, written=asdict(claim.facts), written_at=now, attempts=0)
            written += 1
    return written


def _failed(claim: Claim, sentence: str, problem: IntegrationError | None = None) -> None:
    attempts = claim.row.attempts + 1
    if attempts >= MAX_ATTEMPTS:
        sentence = f"{sentence} {GIVEN_UP.format(number=attempts)}"
        _record(claim, state=WriteState.GIVEN_UP, attempts=attempts, problem=sentence)
        return
    wait = min(FIRST_WAIT * 2 ** (attempts - 1), LONGEST_WAIT)
    if isinstance(problem, RateLimited) and problem.retry_after:
        wait = max(wait, min(timedelta(seconds=problem.retry_after), LONGEST_WAIT))
    _record(claim, attempts=attempts, problem=sentence, next_attempt_at=timezone.now() + wait)


def _give_back(claims: list[Claim]) -> None:
    """Let deals that were not tried wait, so that the next round does not meet the same fault at once."""
    for claim in claims:
        _record(claim, next_attempt_at=timezone.now() + FIRST_WAIT, problem=claim.row.problem)


def _record(claim: Claim, **columns: Any) -> None:
    """Store the outcome, unless another worker has claimed the deal by now."""
    facts = {"state": WriteState.WAITING, "next_attempt_at": None, "problem": "", "updated_at": timezone.now()}
    held = WriteBack.objects.filter(
        pk=claim.row.pk, state=WriteState.WAITING, next_attempt_at=claim.row.next_attempt_at
    )
    held.update(**facts | columns)
