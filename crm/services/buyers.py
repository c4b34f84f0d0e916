"""Buyers of whom facts are missing: who they are, a link to ask each, and what they fill in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import structlog
from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from accounts.mail import is_mail_set_up, send_letter
from accounts.models import Organization, User
from crm.models import BuyerFacts, BuyerLink, Company, Deal
from invoices.models import Invoice, Status

logger = structlog.get_logger(__name__)

LASTS = timedelta(days=14)
ASKED = ("name", "tin", "email", "street", "city", "postal_zone", "country")  # what the authority wants of a buyer
MOST = 5_000  # held invoices that are looked at for the list; the largest buyers are on it long before
SIGNER = Signer(salt="crm.buyer-link")


class LinkRefused(Exception):
    """A link cannot be made or sent; `str()` is the sentence for people."""


@dataclass(slots=True)
class Waiting:
    """A buyer whose missing facts hold invoices: how many, what they come to in naira, and the newest link."""

    company: Company
    missing: dict[str, str] = field(default_factory=dict)  # fact to what people call it
    invoices: int = 0
    amount: Decimal = Decimal(0)
    link: BuyerLink | None = None


def waiting_buyers() -> list[Waiting]:
    """Return the buyers whose own facts hold invoices, the most money first; needs an open scope."""
    columns = ("connection_id", "source_external_id", "missing", "payable_amount", "currency")
    rows = list(_held().order_by("-pk").values_list(*columns)[:MOST])
    companies = _companies({(row[0], row[1]) for row in rows})
    found: dict[int, Waiting] = {}
    for connection_id, external_id, missing, amount, currency in rows:
        company = companies.get((connection_id, external_id))
        if company is None:
            continue
        entry = found.setdefault(company.pk, Waiting(company))
        entry.missing |= _asked_facts(missing)
        entry.invoices += 1
        entry.amount += amount if amount and currency == "NGN" else 0
    for link in BuyerLink.objects.filter(company__in=list(found)).order_by("pk"):
        found[link.company_id].link = link
    return sorted(found.values(), key=lambda each: (-each.amount, str(each.company)))


def asked_name(path: str) -> str:
    """Return the buyer's fact that a missing field is, "" for another's."""
    name = path.removeprefix("buyer.")
    return name if path.startswith("buyer.") and name in ASKED else ""


def missing_of(company: Company) -> dict[str, str]:
    """Return {fact: what people call it} of what this buyer's held invoices lack now."""
    deals = Deal.objects.filter(company=company).order_by().values("external_id")
    mine = _held().filter(connection=company.connection_id, source_external_id__in=deals)
    facts: dict[str, str] = {}
    for missing in mine.order_by("-pk").values_list("missing", flat=True)[:MOST]:
        facts |= _asked_facts(missing)
    return facts


def make_link(*, company: Company, by: User) -> BuyerLink:
    """Return a new link for a buyer; one that was open is taken back."""
    now = timezone.now()
    with transaction.atomic():
        Company.objects.select_for_update().get(pk=company.pk)
        BuyerLink.objects.filter(company=company, used_at=None, revoked_at=None).update(revoked_at=now)
        return BuyerLink.objects.create(
            organization_id=company.organization_id, company=company, made_by=by, expires_at=now + LASTS
        )


def address_of(link: BuyerLink) -> str:
    """Return the address of a link, whole."""
    return f"{settings.PUBLIC_URL}{reverse('buyer', args=[SIGNER.sign(str(link.pk))])}"


def send_link(*, link: BuyerLink, to: str) -> None:
    """Mail a link to the buyer; raises LinkRefused when it cannot be sent."""
    seller = organization_name(link.organization)
    context = {
        "seller": seller,
        "buyer": link.company,
        "address": address_of(link),
        "until": link.expires_at,
    }
    body = render_to_string("crm/buyer_mail.txt", context)
    if not is_mail_set_up():
        raise LinkRefused("E-mail is not set up here. Copy the link and send it yourself.")
    if not send_letter(to=[to], subject=f"{seller} needs a few facts for your invoice", body=body):
        raise LinkRefused("The mail server did not take it. Copy the link and send it yourself.")
    link.mailed_to = to
    link.save(update_fields=["mailed_to"])


def open_link(token: str) -> BuyerLink | None:
    """Return the link of a token while it opens, None for any other; needs no scope, the signature is the key."""
    try:
        pk = SIGNER.unsign(token)
    except BadSignature:
        return None
    with scopes_disabled():
        whole = BuyerLink.objects.select_related("company__buyer_facts", "organization")
        link: BuyerLink | None = whole.filter(
            pk=int(pk), used_at=None, revoked_at=None, expires_at__gt=timezone.now()
        ).first()
    return link


def fill_in(*, link: BuyerLink, facts: dict[str, str]) -> bool:
    """Keep what a buyer filled in, close the link and let its deals be invoiced; False when it was closed meanwhile."""
    now = timezone.now()
    with scope(organization=link.organization), transaction.atomic():
        mine = BuyerLink.objects.filter(pk=link.pk, used_at=None, revoked_at=None, expires_at__gt=now)
        if not mine.update(used_at=now):
            return False
        kept, _ = BuyerFacts.objects.select_for_update().get_or_create(
            company=link.company, defaults={"facts": {}, "filled_at": now}
        )
        kept.facts, kept.filled_at = {**kept.facts, **facts}, now
        kept.save(update_fields=["facts", "filled_at"])
        Deal.objects.filter(company=link.company, is_archived=False).update(invoice_due=True)
    logger.info("buyer_facts_filled_in", company=link.company_id, facts=sorted(facts))
    return True


def _held() -> QuerySet[Invoice]:
    wanted = Q()
    for name in ASKED:
        wanted |= Q(missing__contains=[{"field": f"buyer.{name}"}])
    held: QuerySet[Invoice] = Invoice.objects.filter(wanted, status=Status.DRAFT, source_kind="deal")
    return held


def _asked_facts(missing: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {name: fact["label"] for fact in missing if (name := asked_name(fact["field"]))}


def _companies(keys: set[tuple[int, str]]) -> dict[tuple[int, str], Company]:
    by_connection: dict[int, list[str]] = {}
    for connection_id, external_id in keys:
        by_connection.setdefault(connection_id, []).append(external_id)
    wanted = Q(pk__in=[])
    for connection_id, external_ids in by_connection.items():
        wanted |= Q(connection=connection_id, external_id__in=external_ids)
    deals: Sequence[Deal] = (
        Deal.objects.filter(wanted, company__isnull=False).select_related("company").defer("payload")
    )
    return {(deal.connection_id, deal.external_id): deal.company for deal in deals if deal.company}


def organization_name(organization: Organization) -> str:
    """Return what buyers know the seller by: its legal name where there is a profile."""
    with scope(organization=organization):
        business = getattr(organization, "business", None)
    return business.legal_name if business else str(organization)
