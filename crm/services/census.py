"""Taking a census: all of the provider's deals counted against ours, differences explained and mended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from crm.census import Figure, differing_days, differing_ids
from crm.models import Cause, Census, CensusDifference, Deal
from crm.services.reading import STREAM, crm_connector, refresh_deals
from integrations.base.errors import ReauthorizationRequired
from integrations.models import Connection, Quarantine
from integrations.services.connections import mark_needs_reauthorization
from integrations.services.syncs import check_active

LISTED = 1000  # differences that are kept by name; beyond that something is wrong that no list explains


def take_census(*, connection: Connection) -> Census:
    """Compare count and sum of each day with the provider, list each difference with its cause, and mend what it can.

    A deal that is missing, gone or different for no known reason is read again at once. Raises SyncNotPossible when
    the connection may not be read, and what the connector raises.
    """
    check_active(connection)
    connector = crm_connector(connection)
    started_at = timezone.now()
    try:
        theirs = {figure.external_id: figure for page in connector.read_figures() for figure in page}
        calls = connector.statistics.calls
    except ReauthorizationRequired as problem:
        mark_needs_reauthorization(connection=connection, problem=problem)
        raise
    finally:
        connector.close()
    ours = _ours(connection)
    differing = differing_ids(ours, theirs)[:LISTED]
    quarantined = _open_quarantine(connection)
    causes = {i: _cause(i, ours, theirs, quarantined, started_at) for i in differing}
    suspects = [i for i, cause in causes.items() if cause in {Cause.MISSING, Cause.GONE, Cause.DIFFERS}]
    _mend(connection, suspects, theirs, causes)
    return _keep(connection, ours, theirs, causes, calls)


def _ours(connection: Connection) -> dict[str, Figure]:
    rows = Deal.objects.filter(connection=connection, is_archived=False)
    values = rows.values_list("external_id", "amount", "currency", "close_date", "source_updated_at")
    return {row[0]: Figure(*row) for row in values.iterator(chunk_size=5000)}


def _open_quarantine(connection: Connection) -> set[str]:
    held = Quarantine.objects.filter(connection=connection, stream=STREAM, resolved_at=None)
    return set(held.values_list("external_id", flat=True))


def _cause(
    external_id: str,
    ours: dict[str, Figure],
    theirs: dict[str, Figure],
    quarantined: set[str],
    started_at: datetime,
) -> Cause:
    if external_id in quarantined:
        return Cause.QUARANTINED
    if external_id not in theirs:
        return Cause.GONE
    updated_at = theirs[external_id].updated_at
    if updated_at is not None and updated_at >= started_at:
        return Cause.NEWER
    return Cause.DIFFERS if external_id in ours else Cause.MISSING


def _mend(connection: Connection, suspects: Sequence[str], theirs: dict[str, Figure], causes: dict[str, Cause]) -> None:
    """Read the unexplained ones again, and mark those that it does not help."""
    if not suspects:
        return
    refresh_deals(connection=connection, external_ids=suspects)
    ours, quarantined = _ours(connection), _open_quarantine(connection)
    for external_id in differing_ids(
        {i: ours[i] for i in suspects if i in ours}, {i: theirs[i] for i in suspects if i in theirs}
    ):
        causes[external_id] = Cause.QUARANTINED if external_id in quarantined else Cause.UNRESOLVED


def _keep(
    connection: Connection,
    ours: dict[str, Figure],
    theirs: dict[str, Figure],
    causes: dict[str, Cause],
    calls: int,
) -> Census:
    compared, days = differing_days(ours.values(), theirs.values())
    with transaction.atomic():
        census = Census.objects.create(
            connection=connection,
            counted_here=len(ours),
            counted_there=len(theirs),
            days_compared=compared,
            days=[day.as_json() for day in days],
            calls=calls,
        )
        CensusDifference.objects.bulk_create(
            _difference(census, external_id, cause, ours.get(external_id), theirs.get(external_id))
            for external_id, cause in causes.items()
        )
    return census


def _difference(
    census: Census, external_id: str, cause: Cause, ours: Figure | None, theirs: Figure | None
) -> CensusDifference:
    known = theirs or ours
    return CensusDifference(
        census=census,
        external_id=external_id,
        cause=cause,
        day=known.day if known else None,
        currency=known.currency if known else "",
        amount_here=ours.amount if ours else None,
        amount_there=theirs.amount if theirs else None,
    )
