"""A connection's own webhook address: signed by the account's key, stored as that account's, and no other's."""

from __future__ import annotations

from urllib.parse import urlsplit

import orjson
import pytest
from django.test import Client
from django_scopes import scopes_disabled

from integrations.models import Connection, EventStatus, WebhookDelivery, WebhookEvent
from integrations.services.connections import disconnect
from integrations.services.own_addresses import address_of
from integrations.services.webhooks import split_deliveries
from pos.paystack.webhooks import sign
from tests.pos.paystack.conftest import ONE, TWO

pytestmark = pytest.mark.django_db
EVENT = orjson.dumps({"event": "charge.success", "data": {"reference": "T1"}})


def post(client: Client, path: str, body: bytes = EVENT, key: str = ONE) -> int:
    headers = {"x-paystack-signature": sign(key, body)}
    return client.post(path, body, content_type="application/json", headers=headers).status_code


def path_of(connection: Connection) -> str:
    return urlsplit(address_of(connection)).path


def test_a_notice_at_the_connections_address_becomes_an_event_of_that_connection(
    client: Client, paying: Connection
) -> None:
    assert post(client, path_of(paying)) == 200
    assert WebhookDelivery.objects.get().external_account_id == "410001-test"
    split_deliveries()
    event = WebhookEvent.objects.get()
    assert (event.connection, event.object_id, event.status) == (paying, "T1", EventStatus.RECEIVED)


def test_a_notice_at_anothers_address_is_refused(client: Client, paying: Connection, others_paying: Connection) -> None:
    assert post(client, path_of(others_paying), key=ONE) == 401
    assert post(client, path_of(paying), key=TWO) == 401
    assert not WebhookDelivery.objects.exists()


def test_a_notice_of_one_account_is_never_taken_for_a_copy_of_anothers(
    client: Client, paying: Connection, others_paying: Connection
) -> None:
    assert post(client, path_of(others_paying), key=TWO) == 200
    assert post(client, path_of(paying), key=ONE) == 200
    split_deliveries()
    with scopes_disabled():
        assert {event.connection for event in WebhookEvent.objects.all()} == {paying, others_paying}


def test_copies_are_one_event(client: Client, paying: Connection) -> None:
    for _ in range(3):
        assert post(client, path_of(paying)) == 200
    split_deliveries()
    assert (WebhookDelivery.objects.count(), WebhookEvent.objects.count()) == (3, 1)


def test_no_other_address_is_there(client: Client, paying: Connection) -> None:
    own = path_of(paying)
    guessed = own.replace(f"/{paying.pk}.", f"/{paying.pk + 1}.")
    assert guessed != own
    for path in (guessed, own[:-2] + "/", "/webhooks/paystack/", f"/webhooks/paystack/{paying.pk}/",
                 own.replace("paystack", "square"), own.replace("paystack", "hubspot")):  # fmt: skip
        assert post(client, path) == 404, path


def test_a_disconnected_account_has_no_address_any_more(client: Client, paying: Connection) -> None:
    disconnect(connection=paying)
    assert post(client, path_of(paying)) == 404


def test_a_connection_without_a_key_accepts_nothing(client: Client, paying: Connection) -> None:
    paying.credential.delete()
    assert post(client, path_of(paying)) == 401
