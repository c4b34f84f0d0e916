"""The button that starts a consent."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from social_core.actions import do_auth
from social_django.utils import load_backend, load_strategy

from accounts.permissions import Act, is_of_another_organization, require
from integrations.base.registry import connector_classes
from integrations.models import Connection
from integrations.oauth import ConnectionOAuth2, begin_consent


def _wanted_scopes(request: HttpRequest, provider: str) -> tuple[str, ...]:
    """Return the scopes to ask for, () for the usual ones; one that the connector does not name is never asked for."""
    number, wanted = request.POST.get("connection", ""), request.POST.getlist("scope")
    if not wanted or not number.isdecimal() or len(number) > 18:
        return ()
    connection: Connection = get_object_or_404(Connection.objects.filter(provider=provider), pk=int(number))
    endpoints = connector_classes()[provider].oauth()
    # The provider refuses a request that leaves out what the application itself requires.
    asked = {*endpoints.scopes, *connection.scopes, *wanted}
    known = (*endpoints.scopes, *endpoints.optional_scopes, *endpoints.on_request_scopes)
    return tuple(scope for scope in known if scope in asked)


@never_cache
@require_POST
@require(Act.CONNECT)
def connect(request: HttpRequest, provider: str) -> HttpResponse:
    """Send an owner to the provider's consent page.

    With `connection` and `scope` fields it asks for what that connection has and those scopes, and nothing else.
    """
    if provider not in connector_classes() or not connector_classes()[provider].info.has_consent:
        raise Http404(f"Nothing called {provider} is connected by consent.")
    if is_of_another_organization(request):
        return redirect("connections")
    strategy = load_strategy(request)
    backend = load_backend(strategy, provider, redirect_uri=reverse("social:complete", args=[provider]))
    if not isinstance(backend, ConnectionOAuth2):
        raise Http404(f"{provider} is not connected by consent.")
    request.social_strategy, request.backend = strategy, backend  # type: ignore[attr-defined]
    backend.wanted_scopes = _wanted_scopes(request, provider)
    begin_consent(backend, organization_id=request.organization.pk)  # type: ignore[attr-defined]
    response: HttpResponse = do_auth(backend, user=request.user)
    return response
