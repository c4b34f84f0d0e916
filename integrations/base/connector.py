"""What every connector is: a head of facts, then few methods, always in the same order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar

from integrations.base.auth import CredentialManager
from integrations.base.errors import ConfigurationError, IntegrationError
from integrations.base.records import Notice
from integrations.base.signatures import SignedRequest


@dataclass(frozen=True, slots=True)
class IntegrationTestResult:
    """The outcome of a connection test: a yes or no, a sentence for people, and facts to show.

    Facts that a report shows when they are there: `granted` and `missing` (scopes), `latency_ms`, `remaining` (calls,
    a sentence), `skew_seconds` (their clock against ours). `problem` is what the provider's refusal was, if it refused.
    """

    success: bool
    message: str
    details: dict[str, Any] = field(default_factory=dict)
    problem: IntegrationError | None = None


@dataclass(frozen=True, slots=True)
class OAuthEndpoints:
    """Where a provider's OAuth lives, as whom we speak to it, and its words for what went wrong.

    `account_field` is the field of a token answer that names the account; `code_refused` and `grant_gone` are the
    error words for a consent that is spent and for a grant that was withdrawn; `client_refused` those for our own
    application's id and secret. Any other word, and every 429 and 5xx, must never break a connection.
    `on_request_scopes` may be asked for by name and are left out of a plain consent. `query` is added to the consent
    page's address. `sends_json`: the token endpoint takes JSON and no form.
    """

    authorize_url: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = ()
    optional_scopes: tuple[str, ...] = ()
    on_request_scopes: tuple[str, ...] = ()
    introspect_url: str = ""
    revoke_url: str = ""
    account_field: str = ""
    code_refused: frozenset[str] = frozenset()
    grant_gone: frozenset[str] = frozenset()
    client_refused: frozenset[str] = frozenset({"invalid_client"})
    query: Mapping[str, str] = field(default_factory=dict)
    sends_json: bool = False


@dataclass(frozen=True, slots=True)
class ConnectorInfo:
    """A connector's facts: `slug` is in URLs and rows, `name` is for people, `category` is crm or pos.

    The tasks are Celery's names of them: `sync_task` reads everything due for a connection id, `preview_task` says for
    one what a full read would change, `record_task` reads one record again, by (external id, connection id), and
    `webhook_task` processes the events that wait for a connection id ("" when the provider sends none).
    `disconnect_by_hand` says, in a sentence for people, how to end our access in the provider's own pages. Without
    `has_consent` an account is connected by a pasted key only, and `key_help` says which. `has_own_address`: the
    notices of each account are signed with its own key, name no account, and come to an address of the connection.
    `is_untried`: built from public facts, and never yet tried with the real provider; people are told so.
    """

    slug: str
    name: str
    category: str
    stream: str
    sync_task: str
    preview_task: str = ""
    record_task: str = ""
    accepts_service_key: bool = False
    disconnect_by_hand: str = ""
    webhook_task: str = ""
    has_consent: bool = True
    key_help: str = ""
    has_own_address: bool = False
    is_untried: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """The outside account that a connection reaches; `facts` is what its provider says about it."""

    external_id: str
    name: str
    time_zone: str = "Africa/Lagos"
    currency: str = "NGN"
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VersionInUse:
    """A version of a provider's interface, and the day it is supported until (None where it is not known)."""

    area: str
    version: str
    supported_until: date | None

    def days_left(self, today: date) -> int | None:
        """Return the days until its sunset, negative after it."""
        return None if self.supported_until is None else (self.supported_until - today).days


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """What a connector needs to know of one connection; `options` holds the organization's own choices.

    `urgent` work goes before a backfill where the provider's limit is shared.
    """

    credentials: CredentialManager
    connection_id: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    time_zone: str = "Africa/Lagos"
    currency: str = "NGN"
    urgent: bool = False


class BaseConnector(ABC):
    """Speaks to one account of one provider."""

    info: ClassVar[ConnectorInfo]

    def __init__(self, connection_config: ConnectionConfig) -> None:
        self.config = connection_config

    @classmethod
    def oauth(cls) -> OAuthEndpoints:
        """Return the provider's OAuth endpoints and our application there, from the settings; empty without consent."""
        if cls.info.has_consent:
            raise NotImplementedError(f"{cls.info.name} is connected by consent and does not say where.")
        return OAuthEndpoints("", "", "", "")

    @abstractmethod
    def authenticate(self) -> Account:
        """Make one authorized call and return the account; raises IntegrationError as it fails."""

    @abstractmethod
    def test_connection(self) -> IntegrationTestResult:
        """Try the connection and say what was found; never raises IntegrationError, which goes into the result."""

    @classmethod
    def versions(cls) -> tuple[VersionInUse, ...]:
        """Return the versions of the provider's interfaces that the settings choose; none when it has none."""
        return ()

    def on_disconnecting(self) -> None:  # noqa: B027 (a provider without such a call has nothing to do)
        """Give our access back at the provider; raises IntegrationError when it could not be told."""

    @classmethod
    def verify_webhook(cls, request: SignedRequest) -> None:
        """Accept what the provider signed; raises InvalidSignature, or ConfigurationError when no secret is set."""
        raise ConfigurationError(f"{cls.info.name} sends no notices to this server.", provider=cls.info.slug)

    @classmethod
    def parse_webhook(cls, body: bytes) -> list[Notice]:
        """Return the events of a delivery; raises ValueError when the body is not what the provider promises."""
        raise ValueError(f"{cls.info.name} sends no notices to this server.")

    @classmethod
    def webhook_effects(cls, connection_id: int, payloads: Sequence[str]) -> list[str]:
        """Return, in sentences, what processing these events of a connection would do. Changes nothing."""
        return []

    @abstractmethod
    def close(self) -> None:
        """Let go of the pooled network connections."""
