"""Connects an account by its service key, without a consent."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django_scopes import scope

from accounts.models import Organization
from integrations.base.auth import Tokens
from integrations.base.errors import IntegrationError, TransientError
from integrations.base.registry import connector_classes
from integrations.models import Connection
from integrations.services.connections import ConnectRefused, connect_account

LONGEST_NAME = 200


class Command(BaseCommand):
    """`manage.py add_connection PROVIDER --organization SLUG --service-key KEY [--name NAME]`.

    The connection's id alone goes to standard output, so that a script can take it; the sentence goes to standard
    error. The same account again renews its connection and prints the same id.
    """

    help = "Connect an organization's account at a provider by its service key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the provider, the organization, the key and a name."""
        parser.add_argument("provider", help="a connector's slug, for example hubspot")
        parser.add_argument("--organization", metavar="SLUG", required=True)
        parser.add_argument("--service-key", metavar="KEY", required=True)
        parser.add_argument("--name", default="", help="what to call the connection (default: the account's name)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Connect; raises CommandError with a sentence."""
        provider, name = options["provider"], options["name"].strip()
        key = options["service_key"].strip()
        _check(provider, key, name)
        organization = _organization(options["organization"])
        with scope(organization=organization):
            connection = _connect(organization, provider, key)
            if name:
                Connection.objects.filter(pk=connection.pk).update(name=name)
        self.stderr.write(
            f"{name or connection.name} is connected to {organization}. Its first sync is asked for and starts as soon "
            f"as a worker is free; `manage.py sync_connection {connection.pk}` runs it here and now."
        )
        self.stdout.write(str(connection.pk))


def _check(provider: str, key: str, name: str) -> None:
    connector = connector_classes().get(provider)
    if connector is None:
        known = ", ".join(sorted(connector_classes()))
        raise CommandError(f"There is no connector called {provider!r}. These are installed: {known}.")
    if not connector.info.accepts_service_key:
        raise CommandError(
            f"{connector.info.name} takes no service key. Connect it on the connections page, by consent."
        )
    if not key or not key.isascii() or not key.isprintable():
        raise CommandError("The service key is empty or has characters that no key has. Copy it again, whole.")
    if len(name) > LONGEST_NAME:
        raise CommandError(f"The name has {len(name)} characters; {LONGEST_NAME} is the most.")


def _organization(slug: str) -> Organization:
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no organization {slug!r}. `--organization` takes its slug.")
    return found


def _connect(organization: Organization, provider: str, key: str) -> Connection:
    try:
        return connect_account(organization=organization, provider=provider, tokens=Tokens(access_token=key))
    except TransientError as problem:
        name = connector_classes()[provider].info.name
        raise CommandError(
            f"{name} could not be reached or is too busy now, so nothing was connected. Run this again later."
        ) from problem
    except IntegrationError as problem:
        raise CommandError(f"Nothing was connected. {problem.sentence}") from problem
    except ConnectRefused as refusal:
        raise CommandError(str(refusal)) from refusal
