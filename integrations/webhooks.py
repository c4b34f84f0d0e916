"""The one webhook view."""

from __future__ import annotations

from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from integrations.base.registry import connector_classes


@csrf_exempt
@require_POST
def receive(request: HttpRequest, provider: str) -> JsonResponse:
    """Answer a provider's notice.

    No connector takes notices yet: the answer is 503, so that a provider that was pointed here keeps its notice and
    shows the failure, and nothing seems accepted that is not. Polling finds the change.
    """
    if provider not in connector_classes():
        raise Http404(f"There is no connector called {provider}.")
    name = connector_classes()[provider].info.name
    return JsonResponse(
        {"detail": f"Notices from {name} are not taken on this server: no secret to check them with is configured."},
        status=503,
    )
