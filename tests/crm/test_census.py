from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from crm.census import Figure, differing_days, differing_ids, totals
from crm.models import Cause, Census, Deal
from crm.services import sync_deals, take_census
from crm.services.census import _cause
from crm.tasks import take_census_of
from integrations.models import Connection
from integrations.services.connections import disconnect
from integrations.services.syncs import SyncNotPossible
from tests.sandbox_process import SandboxProcess

FIGURES = st.builds(
    Figure,
    external_id=st.text("0123456789", min_size=1, max_size=3),
    amount=st.none() | st.decimals(0, 1000, places=2),
    currency=st.sampled_from(["NGN", "USD"]),
    day=st.none() | st.dates(date(2026, 11, 1), date(2026, 11, 5)),
)
SIDES = st.lists(FIGURES, max_size=12).map(lambda figures: {figure.external_id: figure for figure in figures})


@given(SIDES)
def test_a_side_is_the_same_as_itself(side: dict[str, Figure]) -> None:
    assert differing_ids(side, side) == []
    assert differing_days(side.values(), side.values())[1] == []


@given(SIDES, SIDES)
def test_whatever_moves_a_sum_or_a_count_is_named_by_its_id(ours: dict[str, Figure], theirs: dict[str, Figure]) -> None:
    _, days = differing_days(ours.values(), theirs.values())
    if days:
        assert differing_ids(ours, theirs)
    for day in days:
        assert day.ours != day.theirs


def test_a_deal_that_changed_while_it_was_counted_is_no_fault() -> None:
    started_at = datetime(2026, 11, 20, tzinfo=UTC)
    changed = {"1": Figure("1", Decimal(5), "NGN", None, started_at)}
    assert _cause("1", {}, changed, set(), started_at) == Cause.NEWER
    assert _cause("1", {}, changed, set(), started_at + timedelta(seconds=1)) == Cause.MISSING
    assert _cause("1", changed, changed, set(), started_at + timedelta(seconds=1)) == Cause.DIFFERS


@given(SIDES)
def test_the_days_together_are_the_whole(side: dict[str, Figure]) -> None:
    counted = totals(side.values()).values()
    assert sum(count for count, _ in counted) == len(side)
    assert sum(amount for _, amount in counted) == sum((f.amount or Decimal(0) for f in side.values()), Decimal(0))


def found(census: Census) -> dict[str, str]:
    return dict(census.differences.values_list("external_id", "cause"))


@pytest.mark.django_db
@pytest.mark.usefixtures("short_waits")
class TestAgainstTheSandbox:
    def test_after_a_sync_both_sides_are_the_same(self, connection: Connection, sandbox: SandboxProcess) -> None:
        sync_deals(connection=connection)
        census = take_census(connection=connection)
        assert (census.counted_here, census.counted_there, census.days) == (sandbox.deals, sandbox.deals, [])
        assert found(census) == {}

    def test_each_difference_has_its_cause_and_is_mended_where_that_helps(
        self, connection: Connection, sandbox: SandboxProcess
    ) -> None:
        sync_deals(connection=connection)
        lost, wrong, archived, unreadable = Deal.objects.order_by("pk")[:4]
        Deal.objects.filter(pk=lost.pk).delete()
        Deal.objects.filter(pk=wrong.pk).update(amount=Decimal("12.34"), content_hash="spoilt")
        sandbox.archive("deals", archived.external_id)
        sandbox.edit("deals", unreadable.external_id, amount="NaN")
        census = take_census(connection=connection)
        assert found(census) == {
            lost.external_id: "missing",
            wrong.external_id: "differs",
            archived.external_id: "gone",
            unreadable.external_id: "quarantined",
        }
        assert census.days
        assert Deal.objects.filter(external_id=lost.external_id).exists()
        wrong.refresh_from_db()
        assert wrong.amount != Decimal("12.34")
        archived.refresh_from_db()
        assert archived.is_archived
        sync_deals(connection=connection, days_back=0)
        again = take_census(connection=connection)
        assert found(again) == {unreadable.external_id: "quarantined"}

    def test_what_reading_again_does_not_mend_is_said_to_be_unresolved(self, connection: Connection) -> None:
        sync_deals(connection=connection)
        wrong = Deal.objects.order_by("pk").first()
        assert wrong is not None
        Deal.objects.filter(pk=wrong.pk).update(amount=Decimal("12.34"))  # and the hash says that nothing changed
        assert found(take_census(connection=connection)) == {wrong.external_id: "unresolved"}

    def test_the_command_says_what_differs_and_ends_with_one(self, connection: Connection) -> None:
        sync_deals(connection=connection)
        said = StringIO()
        call_command("census", str(connection.pk), stdout=said)
        assert "Both sides are the same." in said.getvalue()
        Deal.objects.filter(pk__in=Deal.objects.order_by("pk").values("pk")[:2]).delete()
        with pytest.raises(CommandError, match="2 deals differed") as refused:
            call_command("census", str(connection.pk), stdout=said)
        assert refused.value.returncode == 1
        assert "It was missing here and has been read now." in said.getvalue()

    def test_a_disconnected_account_is_not_counted(self, connection: Connection) -> None:
        disconnect(connection=connection)
        connection.refresh_from_db()
        with pytest.raises(SyncNotPossible):
            take_census(connection=connection)
        assert "is not active" in take_census_of(connection.pk)

    def test_the_nightly_census_invoices_what_it_brings_to_light(
        self, connection: Connection, sandbox: SandboxProcess
    ) -> None:
        sync_deals(connection=connection)
        Deal.objects.all().delete()
        assert take_census_of(connection.pk).startswith(f"{sandbox.deals} there, 0 here, {sandbox.deals} differences")
        assert Deal.objects.count() == sandbox.deals
        assert not Deal.objects.due().exists()
