"""Errors named by what to do about them. Each carries a sentence for people and never a secret."""

from __future__ import annotations

from datetime import UTC, datetime


class IntegrationError(Exception):
    """Something an outside system did or said that stops the work in hand.

    `provider` is the connector's or authority's slug, `status` the HTTP status (None without an answer),
    `request_id` the outside system's own reference. `str()` is the sentence for people.
    """

    def __init__(self, sentence: str, *, provider: str = "", status: int | None = None, request_id: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.provider = provider
        self.status = status
        self.request_id = request_id
        self.raised_at = datetime.now(UTC)


class TransientError(IntegrationError):
    """It may work later: wait and retry."""

    def __init__(self, sentence: str, *, retry_after: float | None = None, **facts: object) -> None:
        super().__init__(sentence, **facts)  # type: ignore[arg-type]
        self.retry_after = retry_after


class RateLimited(TransientError):
    """The other side asks for fewer calls; `retry_after` is in seconds when it said so."""


class PermanentError(IntegrationError):
    """Repeating will not help: record it and go on."""


class InvalidResponse(PermanentError):
    """The answer is not what the interface promises, for example broken JSON."""


class NotFound(PermanentError):
    """The thing asked for is not there."""


class PermissionMissing(PermanentError):
    """The account granted less than this call needs; `scopes` names what is lacking."""

    def __init__(self, sentence: str, *, scopes: tuple[str, ...] = (), **facts: object) -> None:
        super().__init__(sentence, **facts)  # type: ignore[arg-type]
        self.scopes = scopes


class RequestRejected(PermanentError):
    """The other side understood the request and refused it; `body` is its decoded answer, for classification."""

    def __init__(self, sentence: str, *, body: object = None, **facts: object) -> None:
        super().__init__(sentence, **facts)  # type: ignore[arg-type]
        self.body = body


class ReauthorizationRequired(IntegrationError):
    """The grant is gone: stop, and ask the organization to connect again."""


class ConfigurationError(IntegrationError):
    """Operations must change a setting before this can work."""


class UnknownOutcome(IntegrationError):
    """It may or may not have happened: ask before repeating."""


class InvalidSignature(IntegrationError):
    """A notice that cannot be shown to come from the provider."""
