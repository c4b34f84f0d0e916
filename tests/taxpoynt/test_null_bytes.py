"""A NUL byte in an address is the sender's fault and no error of ours."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import make_user
from tests.pages.conftest import MODEL_BACKEND

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "address",
    [
        "/admin/pos/sale/?q=%00",
        "/admin/pos/sale/?state__exact=%00",
        "/admin/pos/sale/%00/change/",
        "/connect/square/?next=%00",
        "/oauth/complete/square/?code=%00&state=%00",
    ],
)
def test_it_is_refused_where_other_packages_would_hand_it_on(address: str) -> None:
    browser = Client()
    browser.force_login(make_user(is_staff=True, is_superuser=True), backend=MODEL_BACKEND)
    assert browser.get(address).status_code == 400


def test_pages_of_ours_look_for_it_and_find_nothing(client: Client) -> None:
    assert client.get("/sales/?q=%00").status_code != 400
