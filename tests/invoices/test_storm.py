"""Half of all answers are faulty and a hundred workers die; still every invoice is handed in once and settled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django_scopes import scopes_disabled

from accounts.models import Organization
from integrations.models import Connection
from invoices.models import Business, Invoice, Status, Submission
from invoices.services.issuing import issue_drafts
from tests.invoices.storming import drafts_for_a_storm, hand_in_blindly, ride_out
from tests.oracle import accepted_twice, blind_resends, judge
from tests.sandbox_process import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)

INVOICES, KILLS = 400, 100


@pytest.fixture
def everything() -> Iterator[None]:
    with scopes_disabled():
        yield


@pytest.mark.usefixtures("everything")
def test_a_storm_ends_with_every_invoice_settled_and_handed_in_once(
    organization: Organization, business: Business, account: Connection, sandbox: SandboxProcess
) -> None:
    issue_drafts(organization=organization, drafts=drafts_for_a_storm(account.pk, INVOICES))
    sandbox.set(mbs_storm={"rate": 0.5, "seed": 7, "seconds": 0.1}, mbs_whole_quantity=True)
    storm = ride_out(sandbox.url, kills=KILLS)
    sandbox.set(mbs_storm=None)
    log = sandbox.get("/_control/mbs/log")
    assert storm.kills == KILLS
    assert storm.statuses == {Status.SIGNED: INVOICES * 19 // 20, Status.REJECTED: INVOICES // 20}
    assert blind_resends(log) == []
    assert accepted_twice(log) == []
    signed = set(Invoice.objects.filter(status=Status.SIGNED).values_list("irn", flat=True))
    assert {irn for irn, each in judge(log).items() if each.accepted} == signed
    assert all(len(each.bodies) == 1 for each in judge(log).values()), "the same bytes each time"
    assert Submission.objects.filter(finished_at=None).exists(), "somebody died in the middle of a hand-in"


@pytest.mark.usefixtures("everything")
def test_a_build_that_sends_again_without_asking_does_not_weather_the_storm(
    organization: Organization, business: Business, account: Connection, sandbox: SandboxProcess
) -> None:
    issue_drafts(organization=organization, drafts=drafts_for_a_storm(account.pk, 40))
    sandbox.set(mbs_storm={"rate": 0.5, "seed": 7, "seconds": 0.1})
    hand_in_blindly(sandbox.url)
    sandbox.set(mbs_storm=None)
    assert blind_resends(sandbox.get("/_control/mbs/log")) != []
