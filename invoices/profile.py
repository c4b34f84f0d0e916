"""The page of an organization's settings: its people, its roles, and the seller that its invoices name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from accounts.models import Membership, Role
from accounts.permissions import ROLES_FOR, Act, may, require
from invoices.authority import codes
from invoices.drafts.missing import party_defects
from invoices.models import Business
from invoices.services.codelists import invalid_values, newest_lists

WORDS_FOR_ACT = {
    Act.VIEW: gettext_lazy("see everything"),
    Act.SYNC: gettext_lazy("start syncs and tests"),
    Act.SUBMIT: gettext_lazy("submit invoices"),
    Act.APPROVE: gettext_lazy("approve and void invoices"),
    Act.KEYS: gettext_lazy("change the keys at the authority"),
    Act.RULES: gettext_lazy("change the rules"),
    Act.CONNECT: gettext_lazy("connect and disconnect accounts"),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the business profile; `problem` says why it holds invoices back, "" when it does not."""

    label: str
    value: str
    problem: str = ""


@require_safe
@require(Act.VIEW)
def settings(request: HttpRequest) -> HttpResponse:
    """Show people, roles and the business profile; it is changed in the admin."""
    organization = request.organization  # type: ignore[attr-defined]
    business = Business.objects.filter(organization=organization).first()
    facts = profile_facts(business) if business else []
    context: dict[str, Any] = {
        "members": Membership.objects.filter(organization=organization).select_related("user").order_by("pk"),
        "roles": [(role.label, _acts_of(role)) for role in Role],
        "business": business,
        "facts": facts,
        "problems": sum(1 for fact in facts if fact.problem),
    }
    context |= {
        "invalid_values": invalid_values(organization),
        "code_lists": newest_lists(),
        "may_change_keys": may(request, Act.KEYS),
    }
    return render(request, "invoices/settings.html", context)


def _acts_of(role: Role) -> list[str]:
    return [str(words) for act, words in WORDS_FOR_ACT.items() if role in ROLES_FOR[act]]


def profile_facts(business: Business) -> list[Fact]:
    """Return the profile line by line, with what each lacks to become part of an invoice."""
    party = business.as_seller().party
    defects = {defect.field: defect.label for defect in party_defects("seller", str(_("The seller")), party, "")}
    facts = [
        (_("Legal name"), party.name, "name"),
        (_("TIN"), party.tin, "tin"),
        (_("RC/BN number"), business.rc_number, ""),
        (_("E-mail address"), party.email, "email"),
        (_("Telephone"), party.telephone, ""),
        (_("Street"), party.street, "street"),
        (_("City"), party.city, "city"),
        (_("Postal code"), party.postal_zone, "postal_zone"),
        (_("State"), party.state, ""),
        (_("Country"), party.country, "country"),
    ]
    return [Fact(label, value, _problem(defects, name, value)) for label, value, name in facts] + _numbering(business)


def _problem(defects: dict[str, str], name: str, value: str) -> str:
    defect = defects.get(f"seller.{name}", "")
    if not defect:
        return ""
    return defect if value else _("Missing: invoices are held until it is filled in.")


def _numbering(business: Business) -> list[Fact]:
    missing = _("Missing: invoices are held until it is filled in.")
    has_keys = bool(business.public_key and business.certificate)
    return [
        Fact(_("Service id"), business.service_id, "" if business.service_id else missing),
        Fact(_("Key file"), _("loaded") if has_keys else "", "" if has_keys else missing),
        Fact(_("Invoice numbers start with"), business.number_prefix),
        Fact(_("Payment is due after"), _("%(days)d days") % {"days": business.payment_terms_days}),
        Fact(_("Tax category of a line that names none"), _category(business)),
    ]


def _category(business: Business) -> str:
    if not business.default_tax_category:
        return str(_("none: such lines are held"))
    return codes.tax_category_name(business.default_tax_category)
