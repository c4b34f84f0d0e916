"""Keeps the authority's code lists: fetched daily, each version once, compared with the one before.

The shipped copy is the start. A list that cannot be fetched, or comes empty or cut in half, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

import orjson
import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from accounts.models import Organization
from invoices.authority import codes
from invoices.authority.base import Authority, LookupFailed
from invoices.drafts import InvoiceDraft
from invoices.drafts.listed import WORDS, Lists, codes_of
from invoices.models import Business, CodeList, Invoice

logger = structlog.get_logger(__name__)

MOST_INVALID = 200


@dataclass(frozen=True, slots=True)
class Source:
    """Where a list comes from: the resource's name, the columns of code and name, and whether we ship a copy."""

    resource: str
    code: str = "code"
    name: str = "value"
    is_shipped: bool = True


SOURCES = {
    "countries": Source("countries", "alpha_2", "name"),
    "currencies": Source("currencies", name="name"),
    "invoice_types": Source("invoice-types"),
    "tax_categories": Source("tax-categories"),
    "payment_means": Source("payment_means"),
    "services_codes": Source("services-codes", name="description"),
    "states": Source("states", name="name"),
    "lgas": Source("lgas", name="name", is_shipped=False),
    "hs_codes": Source("hs-codes", "hscode", "description", is_shipped=False),
    "quantity_codes": Source("invoice-quantity-codes", name="name", is_shipped=False),
}


@dataclass(frozen=True, slots=True)
class Invalid:
    """A value of the organization that is not on the authority's list any more; `where` says where to change it."""

    kind: str
    code: str
    where: str
    invoice_id: int | None = None

    @property
    def words(self) -> str:
        """Return the kind as people read it."""
        return self.kind.replace("_", " ").capitalize()


def refresh_code_lists() -> dict[str, str]:
    """Fetch every list; return {kind: "unchanged", "changed" or why it was left}."""
    authority_class: type[Authority] = import_string(settings.TAX_AUTHORITY)
    authority = authority_class(api_key=settings.MBS_API_KEY, api_secret=settings.MBS_API_SECRET)
    try:
        done = {kind: _refresh(authority, kind) for kind in SOURCES}
    finally:
        authority.close()
    logger.info("code_lists_refreshed", **done)
    return done


def _refresh(authority: Authority, kind: str) -> str:
    source = SOURCES[kind]
    answer = authority.resources(source.resource)
    if isinstance(answer, LookupFailed):
        return answer.sentence
    items = {
        str(row[source.code]): str(row.get(source.name) or row.get("name") or row.get("value") or "")
        for row in answer.rows
        if row.get(source.code)
    }
    before = current_items(kind)
    if not items and not before:
        return "It came empty, and there was none before."
    if not items or len(items) < len(before) / 2:
        logger.error("code_list_not_believed", kind=kind, items=len(items), before=len(before))
        return f"It came with {len(items)} items after {len(before)}, so it was not believed."
    return _keep(kind, items, before)


def _keep(kind: str, items: dict[str, str], before: dict[str, str]) -> str:
    version = sha256(orjson.dumps(items, option=orjson.OPT_SORT_KEYS)).hexdigest()
    now = timezone.now()
    with transaction.atomic():
        newest = CodeList.objects.select_for_update().filter(kind=kind).order_by("-fetched_at").first()
        if newest is not None and newest.version == version:
            newest.confirmed_at = now
            newest.save(update_fields=["confirmed_at"])
            return "unchanged"
        changes = compared(before, items) if before else {}
        CodeList.objects.create(
            kind=kind, version=version, items=items, changes=changes, fetched_at=now, confirmed_at=now
        )
    if any(changes.values()):
        logger.warning("code_list_changed", kind=kind, **{name: len(each) for name, each in changes.items()})
        return "changed"
    return "unchanged"


def compared(before: dict[str, str], after: dict[str, str]) -> dict[str, list[str]]:
    """Return {added, removed, changed}, each a sorted list of codes. Pure."""
    return {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": sorted(code for code in before.keys() & after.keys() if before[code] != after[code]),
    }


def current_items(kind: str) -> dict[str, str]:
    """Return {code: name} of the newest version, of the shipped copy before the first, {} where there is neither."""
    newest = CodeList.objects.filter(kind=kind).order_by("-fetched_at").values_list("items", flat=True).first()
    if newest is not None:
        found: dict[str, str] = newest
        return found
    if not SOURCES[kind].is_shipped:
        return {}
    code = SOURCES[kind].code
    return {row[code]: row["name"] for row in codes.rows(kind)}


def lists_in_force() -> Lists:
    """Return the newest version of each list that drafts are checked against, where one was fetched."""
    newest = CodeList.objects.filter(kind__in=WORDS).order_by("kind", "-fetched_at").distinct("kind")
    return {kind: _items(kind, version) for kind, version in newest.values_list("kind", "version")}


@lru_cache(maxsize=32)
def _items(kind: str, version: str) -> dict[str, str]:
    """Return the items of a version, which never change."""
    found: dict[str, str] = CodeList.objects.filter(kind=kind, version=version).values_list("items", flat=True)[0]
    return found


def newest_lists() -> list[CodeList]:
    """Return the version in force of each list that was fetched, without its items."""
    return list(CodeList.objects.order_by("kind", "-fetched_at").distinct("kind").defer("items"))


def invalid_values(organization: Organization) -> list[Invalid]:
    """Return the organization's own values that are on no list any more, within its scope; 200 at most."""
    known: dict[str, dict[str, str]] = {}
    found: list[Invalid] = []
    for kind, code, where, invoice_id in _values_of(organization):
        known.setdefault(kind, current_items(kind))
        if code and known[kind] and code not in known[kind]:
            found.append(Invalid(kind, code, where, invoice_id))
            if len(found) == MOST_INVALID:
                break
    return found


Value = tuple[str, str, str, int | None]


def _values_of(organization: Organization) -> Iterator[Value]:
    business = Business.objects.filter(organization=organization).first()
    if business is not None:
        yield ("payment_means", business.payment_means_code, "business profile: payment means", None)
        yield ("tax_categories", business.default_tax_category, "business profile: default tax category", None)
        yield ("services_codes", business.isic_code, "business profile: default service code", None)
        yield ("states", business.state, "business profile: state", None)
        yield ("countries", business.country, "business profile: country", None)
    drafts = Invoice.objects.filter(organization=organization).open_drafts()  # type: ignore[attr-defined]
    for pk, label, draft in drafts.order_by("pk").values_list("pk", "source_label", "draft").iterator():
        for each in codes_of(InvoiceDraft.from_json(draft, {})):
            yield (each.kind, each.code, f"{label}: {each.place}", pk)
