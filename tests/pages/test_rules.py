"""The rules pages: written, tried on a deal, kept as an example, simulated, activated and rolled back in a browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from django_scopes import scope

from accounts.models import Organization, Role
from crm.models import Deal, DealLine, Pipeline
from integrations.models import Connection
from invoices.models import Business, RuleExample, RuleSet, RuleStatus, Status
from invoices.rules import default_rules, read_rules, write_rules
from invoices.rules.wording import SWITCHES, to_words
from invoices.services.ruling import save_draft
from tests.factories import make_member, make_organization
from tests.pages.making import Reader, make_company, make_deal, make_held, make_invoice

pytestmark = pytest.mark.django_db


def text_of(answer: object) -> str:
    return Reader(answer.content.decode()).text  # type: ignore[attr-defined]


@pytest.fixture
def deal(account: Connection, business: Business) -> Deal:
    Pipeline.objects.create(
        organization=account.organization, connection=account, external_id="default", label="Sales",
        stages={"closedwon": {"label": "Closed won", "order": 1}},
    )  # fmt: skip
    made = make_deal(account, company=make_company(account, "Bridgepoint Book Depot Ltd"))
    DealLine.objects.filter(deal=made).update(sku="SUP-1")
    return made


@pytest.fixture
def draft(owner_browser: Client, deal: Deal) -> RuleSet:
    answer = owner_browser.post(reverse("rule_new"))
    assert answer.status_code == 302
    return RuleSet.objects.get()


def words(**changes: str) -> dict[str, object]:
    """Return what a browser sends for the program's own rules, with changes; an unticked box sends nothing."""
    given: dict[str, object] = {**to_words(default_rules()), **changes}
    for name in ("pipelines", "stages"):
        given[name] = [each for each in str(given[name]).splitlines() if each]
    return {name: value for name, value in given.items() if name not in SWITCHES or value}


def test_a_version_is_written_tried_kept_as_an_example_activated_and_rolled_back(
    owner_browser: Client, draft: RuleSet, deal: Deal
) -> None:
    address = reverse("rule_edit", args=[draft.pk])
    changed = words(line_tax_category_cases="line.sku SUP-* = EXEMPTED", note="=With thanks")
    shown = text_of(owner_browser.post(address, {**changed, "act": "preview", "deal": deal.external_id}))
    assert (
        "lines.1.tax_category EXEMPTED Version 1: lines.tax_category pattern SUP-*, by HubSpot, line property sku"
        in shown
    )
    assert "With thanks" in shown
    assert "SUP-*" not in str(RuleSet.objects.get().content), "trying saves nothing"
    owner_browser.post(address, {**changed, "act": "save", "version_note": "Support is exempt"})
    assert RuleSet.objects.get().note == "Support is exempt"
    assert "SUP-*" in str(RuleSet.objects.get().content)
    kept = {
        **changed,
        "act": "keep",
        "deal": deal.external_id,
        "example": "Support",
        "expect": ["lines.1.tax_category"],
    }
    assert "“Support” is an example now" in text_of(owner_browser.post(address, kept))
    assert RuleExample.objects.get().expected == {"lines.1.tax_category": "EXEMPTED"}
    assert "Fails" in text_of(owner_browser.get(reverse("rules"))), "by what holds so far"
    answer = text_of(owner_browser.post(reverse("rule_activate", args=[draft.pk]), follow=True))
    assert "Version 1 holds from now on" in answer
    assert "Passes" in answer
    back = text_of(owner_browser.post(reverse("rules_roll_back"), follow=True))
    assert "What the program does by itself holds again" in back
    assert RuleSet.objects.get().status == RuleStatus.RETIRED


def test_a_version_whose_example_fails_is_not_activated_and_says_which(
    owner_browser: Client, draft: RuleSet, deal: Deal
) -> None:
    RuleExample.objects.create(
        organization=deal.organization, name="Never", snapshot={"external_id": "1"}, expected={"due": "yes"}
    )
    answer = text_of(owner_browser.post(reverse("rule_activate", args=[draft.pk]), follow=True))
    assert "1 of its examples fail: “Never”" in answer
    assert RuleSet.objects.get().status == RuleStatus.DRAFT
    owner_browser.post(reverse("example_delete", args=[RuleExample.objects.get().pk]))
    assert not RuleExample.objects.exists()


def test_what_is_wrong_stands_at_its_field_and_nothing_is_saved(owner_browser: Client, draft: RuleSet) -> None:
    answer = owner_browser.post(
        reverse("rule_edit", args=[draft.pk]), {**words(when="nonsense", buyer_tin="company tin"), "act": "save"}
    )
    assert answer.status_code == 422
    shown = text_of(answer)
    assert "“nonsense” is no condition" in shown
    assert "It must be a property such as company.tin" in shown
    assert RuleSet.objects.get().content == write_rules(default_rules())


def test_the_rules_can_be_written_as_json(owner_browser: Client, draft: RuleSet) -> None:
    address = reverse("rule_edit", args=[draft.pk])
    assert "&quot;schema_version&quot;: 1" in owner_browser.get(f"{address}?as=json").content.decode()
    wrong = owner_browser.post(address, {"text": '{"document": {"notes": []}}', "act": "save"})
    assert "document.notes: There is no such field" in text_of(wrong)
    owner_browser.post(address, {"text": '{"amount_must_match": true}', "act": "save"})
    assert RuleSet.objects.get().rules == read_rules({"amount_must_match": True})


def test_rules_that_the_form_cannot_say_open_as_json(owner_browser: Client, draft: RuleSet) -> None:
    save_draft(organization=draft.organization, content={"document": {"note": ["=a, b"]}}, by=None, rule_set=draft)
    assert "Rules as JSON" in text_of(owner_browser.get(reverse("rule_edit", args=[draft.pk])))


def test_a_preview_by_htmx_is_a_part_of_the_page(owner_browser: Client, draft: RuleSet, deal: Deal) -> None:
    answer = owner_browser.post(
        reverse("rule_edit", args=[draft.pk]), {**words(), "act": "preview", "deal": deal.name}, HTTP_HX_REQUEST="true"
    )
    assert "<html" not in answer.content.decode()
    assert deal.name in text_of(answer)


@pytest.mark.parametrize(
    ("wanted", "sentence"), [("nobody has this", "No deal has the id or name"), ("", "Choose a deal")]
)
def test_a_preview_without_a_deal_says_so(owner_browser: Client, draft: RuleSet, wanted: str, sentence: str) -> None:
    assert sentence in text_of(owner_browser.get(reverse("rule_edit", args=[draft.pk]), {"deal": wanted}))


def test_a_deal_that_the_rules_do_not_want_says_so(owner_browser: Client, draft: RuleSet, deal: Deal) -> None:
    sent = {**words(when="deal.amount is at least 99999999"), "act": "preview", "deal": deal.external_id}
    assert "asks for no invoice" in text_of(owner_browser.post(reverse("rule_edit", args=[draft.pk]), sent))


def test_the_simulation_names_each_changed_fact(owner_browser: Client, draft: RuleSet, deal: Deal) -> None:
    save_draft(organization=draft.organization, content={"document": {"note": ["=New"]}}, by=None, rule_set=draft)
    address = reverse("rule_simulation", args=[draft.pk])
    assert f"note {deal.name} → New" in text_of(owner_browser.get(address, {"since": "2026-01-01"}))
    assert "No deal closed since that day" in text_of(owner_browser.get(address, {"since": "2099-01-01"}))
    assert owner_browser.get(address, {"since": "2026-99-99", "after": "x"}).status_code == 200


def test_who_may_only_look_changes_nothing(sign_in: Callable[..., Client], draft: RuleSet, deal: Deal) -> None:
    browser = sign_in(Role.VIEWER)
    for name in ("rules", "rule_edit", "rule_simulation"):
        assert browser.get(reverse(name, args=[] if name == "rules" else [draft.pk])).status_code == 200
    shown = browser.get(reverse("rule_edit", args=[draft.pk])).content.decode()
    assert 'value="save"' not in shown
    browser.post(reverse("rule_edit", args=[draft.pk]), {**words(note="=x"), "act": "save"})
    assert RuleSet.objects.get().content == write_rules(default_rules())
    for address in (
        reverse("rule_activate", args=[draft.pk]),
        reverse("rule_delete", args=[draft.pk]),
        reverse("rule_new"),
    ):
        assert browser.post(address).status_code == 403


def test_another_organizations_rules_are_not_found(owner_browser: Client) -> None:
    other = make_organization("elsewhere")
    with scope(organization=other):
        theirs = save_draft(organization=other, content={}, by=make_member(other))
    for name in ("rule_edit", "rule_simulation"):
        assert owner_browser.get(reverse(name, args=[theirs.pk])).status_code == 404
    assert owner_browser.post(reverse("rule_activate", args=[theirs.pk])).status_code == 404


def test_a_draft_is_deleted_and_what_was_active_is_not(owner_browser: Client, draft: RuleSet) -> None:
    owner_browser.post(reverse("rule_activate", args=[draft.pk]))
    assert "was active and stays" in text_of(owner_browser.post(reverse("rule_delete", args=[draft.pk]), follow=True))
    owner_browser.post(reverse("rule_new"), {"copy": str(draft.pk)})
    copy = RuleSet.objects.get(version=2)
    owner_browser.post(reverse("rule_delete", args=[copy.pk]))
    assert list(RuleSet.objects.values_list("version", flat=True)) == [1]


def test_where_a_value_comes_from_is_shown_or_why_not(
    owner_browser: Client, account: Connection, business: Business, organization: Organization
) -> None:
    for invoice in (make_invoice(account, Status.SIGNED), make_held(account)):
        assert (
            reverse("invoice_origins", args=[invoice.pk])
            in owner_browser.get(reverse("invoice", args=[invoice.pk])).content.decode()
        )
        assert owner_browser.get(reverse("invoice_origins", args=[invoice.pk])).status_code == 200
