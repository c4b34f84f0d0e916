"""The monitors' two questions, answered before anything else, and the looser content policy of the admin's theme."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from taxpoynt.health import healthz, readyz

HEALTH = {"/healthz": healthz, "/readyz": readyz}
RELAXED_PREFIXES = ("/admin/", "/api/")


class HealthMiddleware:
    """Answers /healthz and /readyz first of all: a session, a redirect or a host name must not stand in their way."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        return HEALTH.get(request.path, self.get_response)(request)


class RelaxedPolicyMiddleware:
    """Relaxes the content security policy under /admin/ and /api/, where Unfold and Swagger's pages run scripts."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        response = self.get_response(request)
        if request.path.startswith(RELAXED_PREFIXES):
            response._csp_update = settings.CONTENT_SECURITY_POLICY_ADMIN  # type: ignore[attr-defined]
        return response
