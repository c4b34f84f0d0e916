"""The one webhook view: check the signature over the raw body, store it, commit, answer. All else comes later."""

from __future__ import annotations

from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from integrations.base.connector import BaseConnector
from integrations.base.errors import ConfigurationError, InvalidSignature
from integrations.base.registry import connector_classes
from integrations.base.signatures import SignedRequest
from integrations.bell import webhooks_bell
from integrations.models import Connection
from integrations.services.own_addresses import connection_at, keys_of
from integrations.services.webhooks import receive_delivery

logger = structlog.get_logger(__name__)

LIMIT = 1024 * 1024  # bytes; a hundred events are about 40,000
KEPT_HEADERS = ("Content-Type", "User-Agent")


class TooLarge(Exception):
    """A body above LIMIT."""


class Received(JsonResponse):
    """The answer to a stored delivery; the workers are rung once it has left."""

    queue = "standard"

    def close(self) -> None:
        """End the answer, then ring: the sender waits five seconds at most, and a broker that is away takes longer."""
        super().close()
        webhooks_bell.ring(self.queue)


@csrf_exempt
@require_POST
def receive(request: HttpRequest, provider: str, token: str = "") -> JsonResponse:
    """Answer 200 once the delivery is committed; whatever else is answered makes the provider send it again.

    `token` names the connection, for a provider whose accounts have addresses of their own.
    401 bad signature · 413 body above 1 MiB · 404 no such address · 503 no secret configured, or no database.
    """
    connector = connector_classes().get(provider)
    if connector is None or connector.info.has_own_address != bool(token):
        raise Http404(f"No notices of {provider} are received here.")
    try:
        owner = _owner(provider, token)
        body = _read(request)
        connector.verify_webhook(_as_signed(request, body, keys_of(owner) if owner else ()))
        account = owner.external_account_id if owner else ""
        receive_delivery(provider=provider, body=body, headers=_kept_headers(request), account=account)
    except TooLarge:
        return _refuse(413, f"The body is larger than {LIMIT:,} bytes.")
    except InvalidSignature as problem:
        logger.warning("webhook_refused", provider=provider, reason=problem.sentence)
        return _refuse(401, problem.sentence)
    except ConfigurationError as problem:
        logger.error("webhook_not_configured", provider=provider, reason=problem.sentence)
        return _refuse(503, problem.sentence)
    except DatabaseError:
        logger.exception("webhook_not_stored", provider=provider)
        return _refuse(503, "The delivery could not be stored. Send it again later.")
    return _received(connector)


def _read(request: HttpRequest) -> bytes:
    """Return the raw body; raises TooLarge before more than LIMIT bytes and one are read.

    Django reads nothing of a body without Content-Length, so a chunked one is read from the server, which ends it.
    """
    declared = request.headers.get("Content-Length", "")
    if declared.isdigit() and int(declared) > LIMIT:
        raise TooLarge
    chunked = not declared and request.META.get("wsgi.input_terminated")
    source: Any = request.META["wsgi.input"] if chunked else request
    body: bytes = source.read(LIMIT + 1)
    if len(body) > LIMIT:
        raise TooLarge
    return body


def _owner(provider: str, token: str) -> Connection | None:
    """Return the connection whose own address was called, None where there are none such; raises Http404."""
    if not token:
        return None
    found = connection_at(provider=provider, token=token)
    if found is None:
        raise Http404("There is nothing here.")
    return found


def _as_signed(request: HttpRequest, body: bytes, secrets: tuple[str, ...]) -> SignedRequest:
    query = request.META.get("QUERY_STRING", "")
    return SignedRequest(
        method=request.method or "",
        url=f"{settings.PUBLIC_URL}{request.path}{'?' if query else ''}{query}",
        headers=request.headers,
        body=body,
        received_ms=int(timezone.now().timestamp() * 1000),
        secrets=secrets,
    )


def _kept_headers(request: HttpRequest) -> dict[str, str]:
    return {name: request.headers[name][:300] for name in KEPT_HEADERS if name in request.headers}


def _received(connector: type[BaseConnector]) -> Received:
    answer = Received({"detail": "Stored."})
    # A till's sale is due within seconds, a deal within minutes.
    answer.queue = "high_priority" if connector.info.category == "pos" else "standard"
    return answer


def _refuse(status: int, sentence: str) -> JsonResponse:
    return JsonResponse({"detail": sentence}, status=status)
