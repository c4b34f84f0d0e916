"""Makes the demo's organizations, people and seller. Only a sandbox gets them."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django_scopes import scope

from accounts.models import Membership, Organization, Role, User
from crm.services import activate
from integrations.base.errors import IntegrationError
from integrations.base.http import ApiClient
from invoices.models import Business, RuleSet
from invoices.qr import parse_key_file
from invoices.services.ruling import save_draft

# Known to whoever runs the demo; nothing but a sandbox accepts to be set up with it.
PASSWORD = "taxpoynt-demo-2026"  # noqa: S105
PEOPLE = (
    (Role.OWNER, "Ngozi", "Adupe"),
    (Role.ACCOUNTANT, "Bola", "Adupe"),
    (Role.OPERATOR, "Tunde", "Adupe"),
    (Role.VIEWER, "Halima", "Adupe"),
    (Role.AUDITOR, "Ifeanyi", "Adupe"),
)
# What the sandbox's tills sell without tax: staple food is exempt, schoolbooks are zero-rated.
UNTAXED = (("RICE", "EXEMPTED"), ("YAM", "EXEMPTED"), ("BOOK", "ZERO_VAT"))
SAME_NAME = (
    "tin", "rc_number", "entity_id", "business_id", "service_id", "email", "telephone", "description", "street",
    "city", "postal_zone", "state", "lga", "country",
)  # fmt: skip


class Command(BaseCommand):
    """`manage.py setup_demo`: the same result however often it runs."""

    help = "Make the demo's organizations, people and seller, in a sandbox only."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make them; raises CommandError outside a sandbox or when the sandbox does not answer."""
        if settings.ENVIRONMENT != "sandbox":
            raise CommandError(
                f"This is the {settings.ENVIRONMENT} environment. The demo's people have a password that everybody "
                "knows, so they are made only where TAXPOYNT_ENVIRONMENT is sandbox. Nothing was changed."
            )
        sellers = _sandbox_sellers()
        with transaction.atomic():
            demo = _organization("demo", sellers[0]["name"])
            other = _organization("other", sellers[1]["name"])
            for role, first, last in PEOPLE:
                _member(demo, role, f"{role.value}@demo.example", first, last)
            _member(other, Role.OWNER, "owner@other.example", "Chika", "Okuta")
            _person("staff@taxpoynt.example", "Staff", "Member", is_staff=True, is_superuser=True)
            with scope(organization=demo):
                _seller(demo, sellers[0])
                _rules(demo)
        self.stdout.write(f"{demo} and {other} are set up, with {len(PEOPLE) + 2} people.")


def _sandbox_sellers() -> list[dict[str, Any]]:
    client = ApiClient(provider="sandbox", name="The sandbox", base_url=settings.MBS_BASE_URL)
    try:
        sellers: list[dict[str, Any]] = client.get("/_control/businesses")
    except IntegrationError as problem:
        raise CommandError(
            f"The sandbox at {settings.MBS_BASE_URL} could not be asked for its sellers, so nothing was changed. Start "
            f"it with `python -m sandbox` and point MBS_BASE_URL to it. {problem.sentence}"
        ) from problem
    finally:
        client.close()
    return sellers


def _organization(slug: str, name: str) -> Organization:
    return Organization.objects.update_or_create(slug=slug, defaults={"name": name})[0]


def _person(email: str, first: str, last: str, **rights: bool) -> User:
    facts = {"first_name": first, "last_name": last, "is_active": True, **rights}
    person, _ = User.objects.update_or_create(email=email, defaults=facts)
    # Setting it anew would end the sessions of whoever is signed in.
    if not person.password or not person.check_password(PASSWORD):
        person.password = _password_hash()
        person.save(update_fields=["password"])
    return person


@cache
def _password_hash() -> str:
    """Return the demo's password hashed, once for all its people: a slow hash is the point of it."""
    return make_password(PASSWORD)


def _member(organization: Organization, role: Role, email: str, first: str, last: str) -> None:
    person = _person(email, first, last)
    Membership.objects.update_or_create(user=person, organization=organization, defaults={"role": role})


def _rules(organization: Organization) -> None:
    """Let rules say what is untaxed, unless the organization has rules already."""
    if RuleSet.objects.exists():
        return
    owner = User.objects.get(email="owner@demo.example")
    cases = [{"property": "line.sku", "like": sku, "value": category} for sku, category in UNTAXED]
    content = {"lines": {"tax_category": {"sources": ["line.tax_category"], "cases": cases}}}
    draft = save_draft(organization=organization, content=content, note="What is sold without tax", by=owner)
    activate(rule_set=draft, by=owner)


def _seller(organization: Organization, seller: dict[str, Any]) -> None:
    """Give the organization the sandbox's seller; its keys are new each time the sandbox starts."""
    keys = parse_key_file(json.dumps(seller["key_file"]))
    Business.objects.update_or_create(
        organization=organization,
        defaults={
            **{name: seller[name] for name in SAME_NAME},
            "legal_name": seller["name"],
            "public_key": keys.public_key,
            "certificate": keys.certificate,
            "api_key": "sandbox-key",
            "api_secret": "sandbox-secret",
            "default_tax_category": "STANDARD_VAT",
            "hsn_code": "9403.30",
            "product_category": "Wooden office furniture",
        },
    )
