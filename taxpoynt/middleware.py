"""The monitors' two questions, answered before all else; what goes for whole parts of the addresses."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from taxpoynt.health import healthz, readyz

HEALTH = {"/healthz": healthz, "/readyz": readyz}
RELAXED_PREFIXES = ("/admin/", "/api/")
OTHERS_PREFIXES = ("/admin/", "/connect/", "/oauth/")


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


class NullByteMiddleware:
    """Refuses a NUL byte in an address where other packages' code would hand it to PostgreSQL, which takes none."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request; raises BadRequest."""
        asked = request.path + "?" + request.META.get("QUERY_STRING", "")
        if request.path.startswith(OTHERS_PREFIXES) and ("\x00" in asked or "%00" in asked):
            raise BadRequest("A NUL byte in the address.")
        return self.get_response(request)
