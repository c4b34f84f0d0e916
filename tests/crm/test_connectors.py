"""The contract of CRM connectors, kept by HubSpot and by one that was built by the guide."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from django.test import Client
from django.urls import reverse
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from accounts.models import Organization
from dev.environment import ROOT
from integrations.base.auth import Tokens
from integrations.base.registry import connector_classes
from integrations.models import Connection
from integrations.services.connections import connect_account
from tests.contracts import CRMContract
from tests.crm.exampledesk import connector as exampledesk
from tests.sandbox_process import SandboxProcess

HUBSPOT = "crm.hubspot.connector.HubSpotConnector"
EXAMPLEDESK = "tests.crm.exampledesk.connector.ExampleDeskConnector"


class TestHubSpot(CRMContract):
    @pytest.fixture
    def account(self, connection: Connection) -> Connection:
        return connection

    @pytest.fixture
    def world(self, sandbox: SandboxProcess) -> SandboxProcess:
        return sandbox

    def deal_ids(self, world: SandboxProcess) -> set[str]:
        listed = requests.get(
            f"{world.url}/crm/objects/2026-09/deals?limit=100",
            headers={"Authorization": "Bearer pat-sandbox"},
            timeout=10,
        ).json()
        return {deal["id"] for deal in listed["results"]}

    def rename(self, world: SandboxProcess, deal_id: str, name: str) -> None:
        world.edit("deals", deal_id, dealname=name)

    def spoil(self, world: SandboxProcess, deal_id: str) -> None:
        world.edit("deals", deal_id, amount="NaN")

    def refuse(self, world: SandboxProcess) -> None:
        world.fail_next("GET", "/", status=401, body='{"category":"EXPIRED_AUTHENTICATION"}', times=99)


class Desk:
    """ExampleDesk itself: five deals, of which three are won."""

    def __init__(self) -> None:
        self.refused = False
        self.deals = {str(number): self.deal(number) for number in range(101, 106)}

    @staticmethod
    def deal(number: int) -> dict[str, Any]:
        buyer = {
            "id": f"B{number % 2}", "name": "Bridgepoint Book Depot Ltd", "tin": "90054321-0001",
            "email": "payables@bridgepoint-books.example", "street": "3 Sample Close", "city": "Aba",
        }  # fmt: skip
        rows = [{"id": f"{number}1", "what": "Shelf bay", "count": "2", "each": "2500"}]
        return {
            "id": str(number), "title": f"Shelves {number}", "total": "5000", "stage": "won" if number % 2 else "open",
            "closed": "2026-11-20", "changed": f"2026-11-20T10:00:{number - 100:02}+00:00", "buyer": buyer,
            "rows": rows,
        }  # fmt: skip

    def answer(self, request: Request) -> Response:
        if self.refused:
            return Response("{}", status=401)
        if request.path == "/me":
            return self._json({"id": "desk-7", "name": "ExampleDesk 7", "currency": "NGN"})
        if request.path != "/deals":
            found = self.deals.get(request.path.removeprefix("/deals/"))
            return self._json(found) if found else Response("{}", status=404)
        since, until, after = (request.args.get(name, "") for name in ("since", "until", "after"))
        chosen = [d for d in self.deals.values() if d["id"] > after and since <= d["changed"] <= (until or "9")]
        page = sorted(chosen, key=lambda deal: str(deal["id"]))[: int(request.args["limit"])]
        return self._json({"deals": page, "next": page[-1]["id"] if len(page) < len(chosen) else None})

    @staticmethod
    def _json(value: Any) -> Response:
        return Response(json.dumps(value), content_type="application/json")


class TestExampleDesk(CRMContract):
    @pytest.fixture
    def world(self, httpserver: HTTPServer, settings: Any) -> Iterator[Desk]:
        desk = Desk()
        httpserver.expect_request(re.compile("/.*")).respond_with_handler(desk.answer)
        settings.EXAMPLEDESK_API_BASE = httpserver.url_for("").rstrip("/")
        settings.CONNECTORS = [HUBSPOT, EXAMPLEDESK]
        connector_classes.cache_clear()
        yield desk
        connector_classes.cache_clear()

    @pytest.fixture
    def account(self, organization: Organization, world: Desk) -> Connection:
        return connect_account(organization=organization, provider="exampledesk", tokens=Tokens(access_token="key"))

    def deal_ids(self, world: Desk) -> set[str]:
        return set(world.deals)

    def rename(self, world: Desk, deal_id: str, name: str) -> None:
        world.deals[deal_id] |= {"title": name, "changed": datetime.now(UTC).isoformat()}

    def spoil(self, world: Desk, deal_id: str) -> None:
        world.deals[deal_id]["total"] = "plenty"

    def refuse(self, world: Desk) -> None:
        world.refused = True

    def test_its_account_stands_on_the_pages_like_any_other(
        self, account: Connection, owner: Any, client: Client
    ) -> None:
        client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
        for address in (reverse("connections"), reverse("connection", args=[account.pk])):
            page = client.get(address)
            assert page.status_code == 200
            assert "ExampleDesk" in page.content.decode()


def test_a_connector_by_the_guide_is_less_than_150_lines() -> None:
    assert len(inspect.getsource(exampledesk).splitlines()) < 150


def test_the_guide_names_every_method_that_a_crm_connector_must_have() -> None:
    from crm.connector import CRMConnector

    guide = (ROOT / "docs" / "adding-a-connector.md").read_text()
    assert [name for name in sorted(CRMConnector.__abstractmethods__) if f"`{name}`" not in guide] == []
