"""The figures of the home page: where the organization's money stands, and what needs somebody."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, F, Q, Sum, When
from django.utils import timezone

from crm.models import Deal
from integrations.models import Connection, ConnectionStatus, Quarantine, SyncRun
from invoices.models import (
    OPEN,
    REGISTERED,
    WAITING,
    Breaker,
    Business,
    Difference,
    Invoice,
    Proposal,
    ProposalState,
    Status,
)
from invoices.reasons import HeldReason, held_reasons
from invoices.reconciling import Cause
from invoices.services.breaking import opened
from invoices.services.differences import wants_people

# Differences that stand on the home page as invoices, changed deals or unread records.
SAID_ELSEWHERE = (Cause.HELD, Cause.REJECTED, Cause.KEYS, Cause.CHANGED, Cause.UNREADABLE)
# What a reader distinguishes: done, on its way by itself, and what needs somebody.
GROUPS = {
    "signed": REGISTERED,
    "waiting": (*WAITING, Status.SUBMITTING),
    "held": (Status.DRAFT,),
    "rejected": (Status.REJECTED, Status.CONFIG_ERROR),
}


@dataclass(frozen=True, slots=True)
class Pile:
    """One group of invoices: how many, what they come to in naira, and how many are not in that sum."""

    name: str
    count: int
    amount: Decimal
    not_summed: int


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the home page says."""

    piles: dict[str, Pile]
    reasons: list[HeldReason]
    connections: list[Connection]
    won_deals: int
    deals: int
    due_deals: int
    quarantined: int
    paused_reason: str
    latest: list[Invoice]
    to_approve: int
    changed: int
    differences: int
    late: int
    authority_away: Breaker | None

    @property
    def invoices(self) -> int:
        """Return how many invoices and drafts there are."""
        return sum(pile.count for pile in self.piles.values())

    @property
    def bar(self) -> list[dict[str, Any]]:
        """Return the bar's segments, x and width out of 1000 as text for SVG; the smallest can still be seen."""
        total = sum(max(pile.amount, Decimal(0)) for pile in self.piles.values())
        if not total:
            return []
        filled = [pile for pile in self.piles.values() if pile.amount > 0]
        widths = [max(Decimal(8), pile.amount * 1000 / total) for pile in filled]
        scale = Decimal(1000) / sum(widths)
        segments, x = [], Decimal(0)
        for pile, width in zip(filled, widths, strict=True):
            part = width * scale
            share = round(pile.amount * 100 / total)
            segments.append({"name": pile.name, "x": f"{x:.1f}", "width": f"{part:.1f}", "share": share})
            x += part
        return segments

    @property
    def stopped(self) -> list[Connection]:
        """Return the connections that must be connected again."""
        return [each for each in self.connections if each.status == ConnectionStatus.NEEDS_REAUTHORIZATION]

    @property
    def needs_somebody(self) -> bool:
        """Tell whether anything waits for a person."""
        piles = self.piles["held"].count + self.piles["rejected"].count
        return bool(
            piles
            or self.late
            or self.to_approve
            or self.changed
            or self.differences
            or self.quarantined
            or self.stopped
            or self.paused_reason
        )


def overview() -> Overview:
    """Return the current organization's figures; needs its scope to be open."""
    live = Connection.objects.exclude(status=ConnectionStatus.DISCONNECTED).order_by("name", "pk")
    connections = _with_latest_run(list(live))
    business = Business.objects.only("submissions_paused_reason").first()
    counts = Deal.objects.aggregate(
        all=Count("pk"),
        won=Count("pk", filter=Q(is_won=True, is_archived=False)),
        due=Count("pk", filter=Q(invoice_due=True)),
    )
    return Overview(
        piles=_piles(),
        reasons=held_reasons(Invoice.objects.open_drafts()),
        connections=connections,
        won_deals=counts["won"],
        deals=counts["all"],
        due_deals=counts["due"],
        quarantined=Quarantine.objects.filter(resolved_at=None).count(),
        to_approve=Invoice.objects.to_approve().count(),
        late=Invoice.objects.filter(status__in=OPEN, deadline_at__lte=timezone.now()).count(),
        changed=Proposal.objects.filter(state=ProposalState.OPEN).count(),
        differences=wants_people(Difference.objects.exclude(cause__in=SAID_ELSEWHERE)).count(),
        authority_away=opened(),
        paused_reason=business.submissions_paused_reason if business else "",
        latest=list(
            Invoice.objects.order_by("-pk").only(
                "number", "source_label", "source_external_id", "buyer_name", "status", "currency", "payable_amount",
            )[:6]
        ),
    )  # fmt: skip


def _piles() -> dict[str, Pile]:
    rows = Invoice.objects.order_by().values("status")
    # A note is no invoice to be counted, but what it takes back or adds belongs to the money.
    own = Q(original=None)
    signed = Case(When(type_code="380", then=-F("naira_amount")), default=F("naira_amount"))
    sums: list[Any] = list(
        rows.annotate(number=Count("pk", filter=own), added=Count("naira_amount", filter=own), amount=Sum(signed))
    )
    return {name: _pile(name, [row for row in sums if row["status"] in statuses]) for name, statuses in GROUPS.items()}


def _pile(name: str, rows: list[dict[str, Any]]) -> Pile:
    count = sum(row["number"] for row in rows)
    amount = sum((row["amount"] or Decimal(0) for row in rows), Decimal(0))
    return Pile(name, count, amount, count - sum(row["added"] for row in rows))


def _with_latest_run(connections: list[Connection]) -> list[Connection]:
    runs = {run.connection_id: run for run in SyncRun.objects.newest()}
    for connection in connections:
        connection.latest_run = runs.get(connection.pk)  # type: ignore[attr-defined]
    return connections
