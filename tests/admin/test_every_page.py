"""Every list, add and change page of the admin opens, and shows no secret."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django_scopes import scopes_disabled
from unfold.admin import ModelAdmin as ThemedAdmin

import taxpoynt.urls  # noqa: F401 - the addresses are what dresses other packages' admins
from integrations.models import Canary, Lease, Pulse, QueueMinute, WebhookDelivery, WebhookEventKey
from invoices.models import (
    AuthorityNotice,
    Breaker,
    CodeList,
    Enforcement,
    ExchangeRate,
    LegalRule,
    QrPicture,
    TaxRate,
    TaxRulesVersion,
)
from pos.models import SaleKey, SalePayment
from tests.admin.world import SECRETS, World
from tests.factories import make_organization

REGISTERED = sorted(admin.site._registry, key=lambda model: model._meta.label)
OURS = ("accounts", "integrations", "invoices", "crm", "pos")
# A delivery may hold events of several tenants and belongs to none; a key is a hash and says nothing.
LAW = {Enforcement, ExchangeRate, LegalRule, TaxRate, TaxRulesVersion}
OF_NO_TENANT = {WebhookDelivery, Breaker, AuthorityNotice, CodeList, *LAW}
# The page of the queues shows the last three of them.
NOT_SHOWN = {WebhookEventKey, QrPicture, SaleKey, SalePayment, Lease, Canary, Pulse, QueueMinute}


def name(model: type[Model]) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}"


@pytest.mark.parametrize("model", REGISTERED, ids=name)
def test_a_list_opens_with_its_rows(model: type[Model], world: World, staff: Client) -> None:
    answer = staff.get(reverse(f"admin:{name(model)}_changelist"))
    assert answer.status_code == 200
    assert answer.context["cl"].result_count >= 1
    assert not [secret for secret in SECRETS if secret in answer.content.decode()]


@pytest.mark.parametrize("model", REGISTERED, ids=name)
def test_a_list_can_be_searched_and_filtered_by_each_of_its_filters(
    model: type[Model], world: World, staff: Client
) -> None:
    model_admin = admin.site._registry[model]
    address = reverse(f"admin:{name(model)}_changelist")
    if model_admin.search_fields:
        assert staff.get(address, {"q": "ibadan 9001"}).status_code == 200
    page = staff.get(address).content.decode()
    # The plain filters are links, the drop-downs are selects: follow the one, send an option of the other.
    links = set(re.findall(r'href="(\?[^"#]+=[^"#]*)"', page))
    for link in sorted(links)[:3]:
        assert staff.get(address + link.replace("&amp;", "&")).status_code == 200, link
    for given in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        option = re.search(r'<option value="([^"]+)"', given[1])
        if option and given[0] != "action":
            assert staff.get(address, {given[0]: option[1]}).status_code == 200, given[0]


@pytest.mark.parametrize("model", REGISTERED, ids=name)
def test_an_add_page_opens_or_is_refused(model: type[Model], world: World, staff: Client) -> None:
    answer = staff.get(reverse(f"admin:{name(model)}_add"))
    allowed = admin.site._registry[model].has_add_permission(answer.wsgi_request)
    assert answer.status_code == (200 if allowed else 403)


@pytest.mark.parametrize("model", REGISTERED, ids=name)
def test_a_change_page_opens_and_shows_no_secret(model: type[Model], world: World, staff: Client) -> None:
    with scopes_disabled():
        row = model._base_manager.order_by("pk").first()
    assert row is not None, "the world of these tests has no such row"
    answer = staff.get(reverse(f"admin:{name(model)}_change", args=[row.pk]))
    assert answer.status_code == 200
    page = answer.content.decode()
    assert not [secret for secret in SECRETS if secret in page]
    with scopes_disabled():
        assert str(world.business.certificate) not in page


@pytest.mark.parametrize("model", REGISTERED, ids=name)
def test_every_list_is_in_the_theme(model: type[Model]) -> None:
    assert isinstance(admin.site._registry[model], ThemedAdmin)


@pytest.mark.parametrize("app", OURS)
def test_each_model_of_ours_is_shown_as_a_list_or_inside_its_parent(app: str) -> None:
    inside = {inline.model for model_admin in admin.site._registry.values() for inline in model_admin.inlines}
    lacking = [
        model for model in apps.get_app_config(app).get_models() if model not in {*REGISTERED, *inside, *NOT_SHOWN}
    ]
    assert not lacking


@pytest.mark.parametrize(
    "model", [m for m in REGISTERED if m._meta.app_label in OURS[1:] and m not in OF_NO_TENANT], ids=name
)
def test_each_tenants_list_can_be_narrowed_to_one_organization(model: type[Model], world: World, staff: Client) -> None:
    other = make_organization("another")  # with one organization alone there is nothing to choose
    paths = [entry[0] for entry in admin.site._registry[model].list_filter if isinstance(entry, tuple)]
    [path] = [path for path in paths if path.split("__")[-1] == "organization"]
    address = reverse(f"admin:{name(model)}_changelist")
    own = staff.get(address, {f"{path}__id__exact": world.organization.pk}).context["cl"].result_count
    none = staff.get(address, {f"{path}__id__exact": other.pk}).context["cl"].result_count
    assert (own >= 1, none) == (True, 0)


def test_a_list_asks_the_database_as_often_for_many_rows_as_for_one(
    world: World, staff: Client, django_assert_max_num_queries: Any
) -> None:
    with scopes_disabled():
        deal = world.deal
        for number in range(20):
            deal.pk, deal.external_id = None, f"copy-{number}"
            deal.save()
    with django_assert_max_num_queries(14):
        page = staff.get(reverse("admin:crm_deal_changelist"))
    assert page.context["cl"].result_count == 21


def test_the_first_page_counts_what_waits_over_all_organizations(world: World, staff: Client) -> None:
    answer = staff.get(reverse("admin:index"))
    counted = {str(figure.label): figure.number for figure in answer.context["figures"]}
    assert counted["Invoices held: facts are missing"] == 1
    assert counted["Invoices ready"] == 1
    assert counted["Records in quarantine"] == 1
    assert counted["Notices that could not be read"] == 1
    assert "Next sunset: HubSpot supports OAuth 2026-03 for" in answer.content.decode()
    for figure in answer.context["figures"]:
        listed = staff.get(figure.url)
        assert listed.status_code == 200
        assert listed.context["cl"].result_count == figure.number, figure.label


def test_staff_without_rights_see_no_figures_and_no_lists(world: World, looker: Client) -> None:
    assert "figures" not in looker.get(reverse("admin:index")).context
    assert looker.get(reverse("admin:crm_deal_changelist")).status_code == 403


def test_whoever_is_not_staff_is_sent_to_the_sign_in_page(world: World, client: Client) -> None:
    client.force_login(world.organization.memberships.get().user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(reverse("admin:crm_deal_changelist"))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")


def test_an_address_that_is_no_web_address_never_becomes_a_link(world: World, staff: Client) -> None:
    page = staff.get(reverse("admin:crm_deal_change", args=[world.deal.pk])).content.decode()
    assert "javascript:alert" not in page.replace("void(0)", "")
    assert "Forty chairs &lt;b&gt;" in page


def test_a_status_is_a_word_in_a_badge_on_its_own_page_too(world: World, staff: Client) -> None:
    page = staff.get(reverse("admin:invoices_invoice_change", args=[world.invoice.pk])).content.decode()
    assert "Ready to submit" in page
    assert "(&#x27;ready" not in page
    assert "('ready'" not in page


def test_the_sidebar_has_every_list_once_and_only_for_those_who_may_see_it(
    world: World, staff: Client, looker: Client
) -> None:
    groups = staff.get(reverse("admin:index")).context["sidebar_navigation"]
    links = sorted(item["link"] for group in groups for item in group["items"])
    lists = [reverse(f"admin:{name(model)}_changelist") for model in REGISTERED]
    assert links == sorted([*lists, reverse("queues")])
    assert looker.get(reverse("admin:index")).context["sidebar_navigation"] == []
