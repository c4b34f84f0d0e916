"""The webhook address of one connection, for providers that sign with the account's own key.

The address names the connection and is signed by us, so that nobody finds another's by counting; it is no proof of
who sends: that is the provider's signature.
"""

from __future__ import annotations

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django_scopes import scopes_disabled

from integrations.base.auth import CredentialManager
from integrations.base.errors import ReauthorizationRequired
from integrations.models import Connection, ConnectionStatus

SALT = "integrations.own-webhook-address"


def address_of(connection: Connection) -> str:
    """Return the address that the account's own settings are to be given."""
    path = reverse("own_webhook", args=[connection.provider, _signer().sign(str(connection.pk))])
    return f"{settings.PUBLIC_URL}{path}"


def connection_at(*, provider: str, token: str) -> Connection | None:
    """Return the connection, of whatever organization, that an address names; None for every other address."""
    try:
        number = int(_signer().unsign(token))
    except (BadSignature, ValueError):
        return None
    with scopes_disabled():
        known = Connection.objects.filter(pk=number, provider=provider)
        return known.exclude(status=ConnectionStatus.DISCONNECTED).first()


def keys_of(connection: Connection) -> tuple[str, ...]:
    """Return the keys that the account's notices may be signed with."""
    try:
        return (CredentialManager(connection.pk).load().access_token,)
    except ReauthorizationRequired:
        return ()


def _signer() -> Signer:
    return Signer(sep=".", salt=SALT)
