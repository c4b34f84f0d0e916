"""Every list that grows with trade has a test of its plans; the others are named, with what keeps them short."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, get_resolver

from tests.crm import test_lists as of_deals
from tests.integrations import test_lists as of_runs
from tests.integrations.webhooks import test_lists as of_notices
from tests.invoices import lists as of_invoices
from tests.invoices import test_rows_of_invoices as of_rows
from tests.pos import lists as of_sales

CUSTOMERS = "a few for each organization"
STAFF = "a few for the whole house, or one a day"
SHORT = {
    **dict.fromkeys(
        (
            "accounts.membership", "accounts.organization", "accounts.user", "integrations.connection",
            "integrations.credential", "integrations.synccursor", "crm.owner", "crm.pipeline", "pos.location",
            "invoices.business", "invoices.numberseries", "invoices.sellerversion", "invoices.ruleset",
            "invoices.ruleexample", "invoices.taxrulesversion",
        ),
        CUSTOMERS,
    ),
    **dict.fromkeys(
        (
            "invoices.breaker", "invoices.codelist", "invoices.enforcement", "invoices.exchangerate",
            "invoices.legalrule", "invoices.taxrate",
        ),
        STAFF,
    ),
}  # fmt: skip
PAGES_WITHOUT_LISTS = {
    "/login/": "a form", "/logout/": "a form", "/organization/": "a form", "/settings/": "a form",
    "/settings/key-file/": "a form", "/settings/service-id/": "a form", "/settings/letters/": "a form",
    "/settings/rules/": CUSTOMERS, "/settings/rules/new/": "a form", "/settings/rules/roll-back/": "a form",
    "/reconciliation/now/": "a form", "/reconciliation/numbers.csv": "a figure for each number there is",
    "/verify/": "a form", "/favicon.ico": "a file", "/metrics": "figures", "/admin/queues/": "figures",
    "/api/v1/": "an index of addresses", "/api/v1/queues/": "figures", "/api/schema/": "a file", "/api/docs/": "a page",
}  # fmt: skip
TESTED = {
    re.sub(r"\?.*", "", address)
    for address in (
        *of_deals.LISTS, *of_runs.LISTS, *of_notices.LISTS, *of_rows.LISTS,
        *(listed.path for listed in (*of_invoices.LISTS, *of_sales.LISTS)),
    )
}  # fmt: skip
OURS = ("accounts", "integrations", "crm", "pos", "invoices")


def test_every_list_of_the_admin_has_a_test_of_its_plans_or_is_named_as_short() -> None:
    registered = {model._meta.label_lower for model in admin.site._registry if model._meta.app_label in OURS}
    tested = {label for label in registered if f"/admin/{label.replace('.', '/')}/" in TESTED}
    assert registered - tested == SHORT.keys()


def test_every_list_of_pages_and_api_has_a_test_of_its_plans_or_is_named_as_none() -> None:
    addresses = set(without_number(get_resolver().url_patterns))
    assert addresses - TESTED == PAGES_WITHOUT_LISTS.keys()


def without_number(patterns: list[Any], before: str = "/") -> Iterator[str]:
    """Yield the addresses that name no single row, but for the admin's lists."""
    for pattern in patterns:
        address = before + str(pattern.pattern)
        if address == "/admin/" or (isinstance(pattern, URLPattern) and re.search(r"[<(]", address)):
            continue
        if isinstance(pattern, URLPattern):
            yield address
        else:
            yield from without_number(pattern.url_patterns, address)
