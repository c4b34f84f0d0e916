"""The authority's webhook. It is unsigned: the path is the secret, and what it says is a hint to ask, never a fact."""

from __future__ import annotations

from hmac import compare_digest
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from invoices.services.notices import receive_notice
from invoices.tasks import ring_exchanges

logger = structlog.get_logger(__name__)

LIMIT = 64 * 1024  # bytes; a notice has two short texts


@csrf_exempt
@require_POST
def receive(request: HttpRequest, key: str) -> JsonResponse:
    """Answer 200 once the notice is stored; the authority's own policy of repeating is not known.

    404 for another key, so that nobody learns whether there is one · 400 for what is no notice · 413 too large.
    """
    if not settings.MBS_WEBHOOK_KEY or not compare_digest(key.encode(), settings.MBS_WEBHOOK_KEY.encode()):
        raise Http404("There is nothing here.")
    body = request.read(LIMIT + 1)
    if len(body) > LIMIT:
        return JsonResponse({"error": f"The body is larger than {LIMIT:,} bytes."}, status=413)
    irn, message = _read(body)
    if not irn:
        logger.warning("authority_notice_not_read", size=len(body))
        return JsonResponse({"error": "A notice is a JSON object with irn and message."}, status=400)
    if receive_notice(irn=irn, message=message):
        ring_exchanges()
    return JsonResponse({"ok": True})


def _read(body: bytes) -> tuple[str, str]:
    try:
        notice: Any = orjson.loads(body)
    except ValueError:
        return "", ""
    if not isinstance(notice, dict):
        return "", ""
    irn, message = (notice.get(name) for name in ("irn", "message"))
    if not isinstance(irn, str) or not isinstance(message, str) or "\x00" in irn + message:
        return "", ""
    return (irn.strip().upper(), message.strip()[:40]) if len(irn) <= 50 else ("", "")
