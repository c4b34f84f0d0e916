"""Reads taxpayers as the authority shows them, and compares their IRN template with what we use. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from invoices.authority.base import EnabledBusiness

# {{invoice_id(e.g:INV00XXX)}}-C41D9D42-{{YYYYMMDD(e.g:20250629)}}
TEMPLATE = re.compile(r"-([A-Za-z0-9]{8})-\{\{")


def businesses_in(entity: dict[str, Any]) -> tuple[EnabledBusiness, ...]:
    """Return the businesses of an entity; whatever has no id is left out."""
    rows = entity.get("businesses")
    return tuple(
        EnabledBusiness(
            business_id=str(row["id"]),
            name=str(row.get("name") or ""),
            tin=str(row.get("tin") or ""),
            irn_template=str(row.get("irn_template") or ""),
            service_id=service_id_in(str(row.get("irn_template") or "")),
        )
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and row.get("id")
    )


def service_id_in(template: str) -> str:
    """Return the eight characters in the middle of an IRN template in capitals, "" when there are none."""
    found = TEMPLATE.search(template)
    return found.group(1).upper() if found else ""


def expected_service_id(entity_id: str, business_id: str) -> str:
    """Return the second group of both ids in capitals, "" when one is no UUID.

    Every published sample has it so, but nothing documents it: good for a warning and for nothing else.
    """
    groups = [text.split("-") for text in (entity_id, business_id)]
    return "".join(parts[1] for parts in groups).upper() if all(len(parts) == 5 for parts in groups) else ""


def service_id_warnings(
    *, template_id: str, profile_id: str, entity_id: str, business_id: str, was_changed: bool = False
) -> list[str]:
    """Return a sentence for each way in which the template disagrees with the profile and the second-group rule."""
    warnings: list[str] = []
    if profile_id and template_id != profile_id and not was_changed:
        warnings.append(
            f"The authority's IRN template has the service id {template_id}, the business profile has {profile_id}. "
            "Every invoice number would be refused until they agree."
        )
    expected = expected_service_id(entity_id, business_id)
    if expected and expected != template_id:
        warnings.append(
            f"The service id {template_id} is not the one that the two ids suggest ({expected}). The template counts; "
            "check that entity id and business id are those of this taxpayer."
        )
    return warnings


def business_of(businesses: Iterable[EnabledBusiness], business_id: str) -> EnabledBusiness | None:
    """Return the business with this id, whatever the letters' case; None when the taxpayer has no such business."""
    wanted = business_id.lower()
    return next((each for each in businesses if each.business_id.lower() == wanted), None)
