"""Letters to people, and what becomes of them when the mail server does not take them."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail

from accounts.mail import owners_of, send_letter
from accounts.models import Organization, Role
from tests.factories import make_member


def test_a_line_break_in_a_name_starts_no_header_of_its_own() -> None:
    assert send_letter(to=["owner@people.example"], subject="Late – Adupe\nBcc: thief@x.example", body="Look.")
    assert mail.outbox[0].subject == "Late – Adupe Bcc: thief@x.example"
    assert mail.outbox[0].recipients() == ["owner@people.example"]


@pytest.mark.parametrize(("host", "port"), [("", 25), ("127.0.0.1", 9)])
def test_without_a_server_or_while_it_is_away_nothing_was_sent(settings: Any, host: str, port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = host, port, 2
    assert not send_letter(to=["owner@people.example"], subject="Late", body="Look.")


def test_owners_are_those_who_can_still_sign_in(organization: Organization) -> None:
    make_member(organization, Role.OWNER, email="b@people.example")
    make_member(organization, Role.OWNER, email="a@people.example")
    make_member(organization, Role.OWNER, email="gone@people.example", is_active=False)
    make_member(organization, Role.ACCOUNTANT, email="accountant@people.example")
    assert owners_of(organization) == ["a@people.example", "b@people.example"]
