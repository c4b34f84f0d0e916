"""Reads a business's service id from the authority's IRN template, and takes it over when a person wants it."""

from __future__ import annotations

from dataclasses import dataclass

from django_scopes import scope

from invoices.authority.base import Absent, EntityFound
from invoices.authority.entities import business_of, service_id_warnings
from invoices.models import Business
from invoices.services.authority_keys import Group, authority_open
from invoices.services.issuing import reissue_held

NO_ENTITY = "The business profile has no entity id, so the authority cannot be asked. Fill it in first."
NO_SUCH_ENTITY = (
    "The authority knows no taxpayer with this entity id, or these keys may not see it. Compare it with the dashboard."
)
NO_SUCH_BUSINESS = "The authority's taxpayer has no business with this business id. Compare it with the dashboard."
NO_TEMPLATE = "The authority's IRN template has no service id that can be read. Fill it in by hand from the dashboard."


@dataclass(frozen=True, slots=True)
class TemplateRead:
    """What the template says; `problem` is why nothing could be read, `warnings` what disagrees."""

    service_id: str = ""
    warnings: tuple[str, ...] = ()
    problem: str = ""


def read_service_id(business: Business) -> TemplateRead:
    """Ask the authority for the business's template; changes nothing."""
    if business.entity_id is None:
        return TemplateRead(problem=NO_ENTITY)
    with authority_open(business, Group.ENTITY) as authority:
        answer = authority.entity(str(business.entity_id))
    if isinstance(answer, Absent):
        return TemplateRead(problem=NO_SUCH_ENTITY)
    if not isinstance(answer, EntityFound):
        return TemplateRead(problem=answer.sentence)
    found = business_of(answer.businesses, str(business.business_id))
    if found is None or not found.service_id:
        return TemplateRead(problem=NO_SUCH_BUSINESS if found is None else NO_TEMPLATE)
    warnings = service_id_warnings(
        template_id=found.service_id,
        profile_id=business.service_id,
        entity_id=str(business.entity_id),
        business_id=str(business.business_id),
    )
    return TemplateRead(found.service_id, tuple(warnings))


def take_service_id(*, business: Business, service_id: str) -> None:
    """Put a service id on the profile and try the invoices that it held back; raises ValidationError."""
    business.service_id = service_id
    business.clean_fields(exclude=[each.name for each in Business._meta.fields if each.name != "service_id"])
    business.save(update_fields=["service_id", "updated_at"])
    with scope(organization=business.organization):
        reissue_held(organization=business.organization)
