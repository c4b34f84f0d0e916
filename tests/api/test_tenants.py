"""Whose rows the API shows: the caller's own organizations', and nobody else's."""

from __future__ import annotations

from base64 import b64encode

import pytest
from django.test import Client
from django_scopes import ScopeError

from accounts.models import Membership, Role, User
from integrations.models import Connection
from tests.api.conftest import BACKEND, Tenant
from tests.factories import PASSWORD, make_user

LISTS = ("/api/v1/", "/api/v1/connections/", "/api/v1/invoices/", "/api/v1/sales/")


def basic(email: str, password: str = PASSWORD) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": "Basic " + b64encode(f"{email}:{password}".encode()).decode()}


def test_no_scope_is_open_around_these_tests(tenant: Tenant) -> None:
    with pytest.raises(ScopeError):
        Connection.objects.count()


@pytest.mark.parametrize("address", LISTS)
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_nobody_gets_in_without_signing_in(address: str, accept: str, db: None, client: Client) -> None:
    answer = client.get(address, HTTP_ACCEPT=accept)
    assert answer.status_code in {401, 403}
    assert "send e-mail address and password by HTTP Basic" in answer.content.decode()


def test_a_wrong_password_is_refused(tenant: Tenant, client: Client) -> None:
    answer = client.get("/api/v1/connections/", **basic(tenant.owner.email, "wrong"))
    assert answer.status_code in {401, 403}
    assert list(answer.json()) == ["detail"]


def test_http_basic_opens_the_same_scope_as_the_pages(tenant: Tenant, stranger: Tenant, client: Client) -> None:
    answer = client.get("/api/v1/connections/", **basic(tenant.owner.email))
    assert [connection["id"] for connection in answer.json()["results"]] == [tenant.connection.pk]
    browsable = client.get(
        f"/api/v1/crm/{tenant.connection.pk}/deals", HTTP_ACCEPT="text/html", **basic(tenant.owner.email)
    )
    assert browsable.status_code == 200
    assert "Deal number 30" in browsable.content.decode()


def test_another_tenants_connection_is_as_absent_as_none(tenant: Tenant, stranger: Tenant, api: Client) -> None:
    theirs, none = stranger.connection.pk, stranger.connection.pk + 1000
    for path in ("/api/v1/crm/{}/deals", "/api/v1/crm/{}/deals/", "/api/v1/crm/{}/deals/d1", "/api/v1/connections/{}/"):
        foreign, absent = api.get(path.format(theirs)), api.get(path.format(none))
        assert foreign.status_code == absent.status_code == 404
        assert foreign.content.replace(str(theirs).encode(), b"N") == absent.content.replace(str(none).encode(), b"N")
    assert api.get(f"/api/v1/crm/{theirs}/deals").json() == {
        "detail": f"Your organizations have no connection {theirs}."
    }


def test_another_tenants_invoice_is_absent(tenant: Tenant, stranger: Tenant, invoices: list[int]) -> None:
    outsider = Client()
    outsider.force_login(stranger.owner, backend=BACKEND)
    assert outsider.get("/api/v1/invoices/").json()["count"] == 0
    assert outsider.get(f"/api/v1/invoices/{invoices[0]}/").status_code == 404


def test_whoever_belongs_to_two_organizations_sees_both(tenant: Tenant, stranger: Tenant, api: Client) -> None:
    Membership.objects.create(user=tenant.owner, organization=stranger.organization, role=Role.VIEWER)
    both = [tenant.connection.pk, stranger.connection.pk]
    assert [row["id"] for row in api.get("/api/v1/connections/").json()["results"]] == both
    assert api.get(f"/api/v1/crm/{stranger.connection.pk}/deals").json()["count"] == 3


def test_staff_without_a_membership_see_nothing(tenant: Tenant, client: Client) -> None:
    client.force_login(User.objects.create_superuser("staff@taxpoynt.example"), backend=BACKEND)
    answer = client.get("/api/v1/connections/")
    assert answer.status_code == 403
    assert answer.json() == {"detail": "Sign in as a member of an organization to use this API."}


def test_somebody_who_left_sees_nothing_at_once(tenant: Tenant, api: Client) -> None:
    assert api.get("/api/v1/connections/").status_code == 200
    tenant.owner.memberships.all().delete()
    assert api.get("/api/v1/connections/").status_code == 403


def test_a_person_switched_off_sees_nothing(tenant: Tenant, api: Client, client: Client) -> None:
    tenant.owner.is_active = False
    tenant.owner.save()
    assert api.get("/api/v1/connections/").status_code in {401, 403}
    assert client.get("/api/v1/connections/", **basic(tenant.owner.email)).status_code in {401, 403}


def test_no_token_leaves_through_any_address(tenant: Tenant, api: Client, invoices: list[int]) -> None:
    number = tenant.connection.pk
    paths = [*LISTS, f"/api/v1/connections/{number}/", f"/api/v1/crm/{number}/deals", f"/api/v1/crm/{number}/deals/d1",
             f"/api/v1/invoices/{invoices[0]}/"]  # fmt: skip
    for path in paths:
        for accept in ("application/json", "text/html"):
            answer = api.get(path, HTTP_ACCEPT=accept)
            assert answer.status_code == 200, path
            shown = answer.content.decode()
            assert not [word for word in ("token-of-", "refresh-of-", "sandbox-secret", "payload-of-") if word in shown]


def test_the_scope_ends_with_the_request(tenant: Tenant, api: Client) -> None:
    assert api.get("/api/v1/connections/").status_code == 200
    with pytest.raises(ScopeError):
        Connection.objects.count()


def test_a_member_of_nothing_is_told_so(db: None, client: Client) -> None:
    client.force_login(make_user(), backend=BACKEND)
    assert client.get("/api/v1/").status_code == 403
