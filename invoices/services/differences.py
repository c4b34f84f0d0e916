"""The differences that runs of the reconciliation found: kept, explained, told to owners, settled when gone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope

from accounts.mail import owners_of, send_letter
from accounts.models import Organization, User
from invoices.models import Difference, DifferenceState, Reconciliation
from invoices.models.reconciliation import IN_ORDER
from invoices.reconciling import Cause

SHOWN = 30  # lines of a mail
FACTS = ("amount", "currency", "label", "day", "invoice_id")
KEPT = ("state", "settled_at", "deadline", "amount", "currency", "label", "day", "invoice", "found_in")


def keep(rows: Sequence[Difference]) -> None:
    """Write new differences, bring known ones up to date; one whose amount has changed is open again."""
    subjects = {row.subject for row in rows}
    known = {(each.subject, each.cause): each for each in Difference.objects.filter(subject__in=subjects)}
    Difference.objects.bulk_create(row for row in rows if (row.subject, row.cause) not in known)
    changed, same = [], []
    for row in rows:
        old = known.get((row.subject, row.cause))
        if old is None:
            continue
        if old.state != DifferenceState.SETTLED and all(getattr(old, each) == getattr(row, each) for each in FACTS):
            same.append(old.pk)
            continue
        if old.state == DifferenceState.SETTLED or old.amount != row.amount:
            old.state, old.settled_at, old.deadline = DifferenceState.OPEN, None, row.deadline
        for each in FACTS:
            setattr(old, each, getattr(row, each))
        old.found_in = row.found_in
        changed.append(old)
    Difference.objects.bulk_update(changed, KEPT, batch_size=500)
    if same:
        Difference.objects.filter(pk__in=same).update(found_in=rows[0].found_in)


def settle_gone(*, run: Reconciliation, subjects: set[str] | None, days: set[date]) -> int:
    """Settle what these sources (None: all), these days of the authority's list and the series had and have no more.

    What could not be asked stays as it was. Returns how many there are.
    """
    still = Difference.objects.exclude(state=DifferenceState.SETTLED).exclude(found_in=run)
    endings = tuple(f"{day:%Y%m%d}" for day in days)

    def is_gone(subject: str, cause: str) -> bool:
        if cause == Cause.STRANGER:
            return subject.endswith(endings)
        return cause == Cause.NUMBER_GAP or subjects is None or subject in subjects

    rows = still.values_list("pk", "subject", "cause").iterator()
    gone = [pk for pk, subject, cause in rows if is_gone(subject, cause)]
    return Difference.objects.filter(pk__in=gone).update(state=DifferenceState.SETTLED, settled_at=timezone.now())


def wants_people(differences: Any) -> Any:
    """Return those of a queryset of differences that somebody has to look at."""
    return differences.filter(state=DifferenceState.OPEN).exclude(cause__in=IN_ORDER)


def explain_difference(*, difference: Difference, note: str, owner: User | None, by: User) -> None:
    """Give a difference an owner, or with a note explain it; a settled one stays settled.

    Only a run settles one: it is settled when it is gone.
    """
    with transaction.atomic():
        row = Difference.objects.select_for_update().get(pk=difference.pk)
        if row.state == DifferenceState.SETTLED:
            return
        row.owner, row.decided_by, row.decided_at = owner, by, timezone.now()
        row.note = note.replace("\x00", "").strip()[:2000]
        row.state = DifferenceState.EXPLAINED if row.note else DifferenceState.OPEN
        row.save(update_fields=["owner", "decided_by", "decided_at", "note", "state"])


def tell_owners(organization: Organization, run: Reconciliation) -> None:
    """Write to the organization's owners what a run found that is new and wants somebody; once, for each difference."""
    with scope(organization=organization):
        new = wants_people(Difference.objects.filter(first_seen_at__gte=run.started_at))
        fresh = list(new.order_by("-amount", "pk"))
        to = owners_of(organization)
    if not fresh or not to:
        return
    context = {
        "organization": organization, "rows": fresh[:SHOWN], "more": max(0, len(fresh) - SHOWN),
        "page": f"{settings.PUBLIC_URL}{reverse('reconciliation')}",
    }  # fmt: skip
    body = render_to_string("invoices/difference_mail.txt", context)
    words = "1 new difference" if len(fresh) == 1 else f"{len(fresh)} new differences"
    # They stand on the page whether or not the letter goes out.
    send_letter(to=to, subject=f"{words} – {organization}", body=body)
