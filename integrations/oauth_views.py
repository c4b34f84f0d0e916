"""The button that starts a consent."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from social_core.actions import do_auth
from social_django.utils import load_backend, load_strategy

from accounts.permissions import Act, require
from integrations.base.registry import connector_classes
from integrations.oauth import ConnectionOAuth2, begin_consent


@never_cache
@require_POST
@require(Act.CONNECT)
def connect(request: HttpRequest, provider: str) -> HttpResponse:
    """Send an owner to the provider's consent page."""
    if provider not in connector_classes():
        raise Http404(f"There is no connector called {provider}.")
    strategy = load_strategy(request)
    backend = load_backend(strategy, provider, redirect_uri=reverse("social:complete", args=[provider]))
    if not isinstance(backend, ConnectionOAuth2):
        raise Http404(f"{provider} is not connected by consent.")
    request.social_strategy, request.backend = strategy, backend  # type: ignore[attr-defined]
    begin_consent(backend, organization_id=request.organization.pk)  # type: ignore[attr-defined]
    response: HttpResponse = do_auth(backend, user=request.user)
    return response
