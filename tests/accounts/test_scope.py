from __future__ import annotations

import pytest
from django.apps import apps
from django.db import models
from django_scopes import ScopeError, scope, scopes_disabled

from accounts.models import Membership, Organization, Role
from accounts.permissions import ROLES_FOR, Act
from integrations.models import Connection
from tests.factories import make_member, make_user

# The same for every tenant.
QUEUES = ("Lease", "Canary", "Pulse", "QueueMinute")  # who works on what, and how the queues are: no tenant's data
LAW = ("TaxRate", "TaxRulesVersion", "LegalRule", "Enforcement", "ExchangeRate")
TENANTS = [
    model
    for app in ("integrations", "invoices", "crm", "pos")
    for model in apps.get_app_config(app).get_models()
    # Reached through its connection; of several tenants at once, for workers only; a hash; the authority's own, the
    # same for every tenant.
    if model.__name__
    not in {"Credential", "WebhookDelivery", "WebhookEventKey", "Breaker", "CodeList", "AuthorityNotice", *LAW, *QUEUES}
]


@pytest.mark.parametrize("model", TENANTS, ids=lambda model: model.__name__)
def test_a_tenants_rows_are_out_of_reach_without_a_scope(model: type[models.Model], db: None) -> None:
    with pytest.raises(ScopeError):
        model._default_manager.count()
    with scopes_disabled():
        assert model._default_manager.count() == 0


def test_a_scope_shows_its_own_organization_only(organization: Organization, other_organization: Organization) -> None:
    for owner, account in ((organization, "1"), (other_organization, "2")):
        Connection.objects.create(organization=owner, provider="hubspot", name=account, external_account_id=account)
    assert [row.name for row in Connection.objects.all()] == ["1"]
    with scope(organization=other_organization):
        assert [row.name for row in Connection.objects.all()] == ["2"]


def test_credentials_are_reached_through_their_connection_only() -> None:
    fields = {field.name for field in apps.get_model("integrations", "Credential")._meta.get_fields()}
    assert "organization" not in fields


def test_a_person_has_one_role_in_an_organization(organization: Organization) -> None:
    from django.db import IntegrityError, transaction

    person = make_member(organization, Role.VIEWER)
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(user=person, organization=organization, role=Role.OWNER)
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(user=make_user(), organization=organization, role="king")


def test_looking_is_for_everybody_and_connecting_for_owners() -> None:
    assert ROLES_FOR[Act.VIEW] == set(Role.values)
    assert ROLES_FOR[Act.CONNECT] == {Role.OWNER}
    assert Role.VIEWER not in ROLES_FOR[Act.SYNC] | ROLES_FOR[Act.SUBMIT]
    assert Role.AUDITOR not in ROLES_FOR[Act.SYNC] | ROLES_FOR[Act.SUBMIT]
