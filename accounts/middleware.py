"""Puts the current organization on the request and opens its scope; without one, tenant rows stay shut."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django_scopes import scope, scopes_disabled

from accounts.models import Membership

SESSION_KEY = "organization_id"


def choose_membership(request: HttpRequest) -> Membership | None:
    """Return the membership that the session names, else the person's first, else None."""
    if not request.user.is_authenticated:
        return None
    memberships = list(request.user.memberships.select_related("organization").order_by("pk"))
    wanted = request.session.get(SESSION_KEY)
    return next((m for m in memberships if m.organization_id == wanted), next(iter(memberships), None))


class OrganizationMiddleware:
    """Every request runs inside one organization's scope, staff in the admin inside none.

    Outside any scope a query for a tenant's rows raises ScopeError: forgetting it shows nothing, not everything.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request inside its scope."""
        if request.path.startswith("/admin/") and request.user.is_active and request.user.is_staff:
            with scopes_disabled():
                return self._answer(request)
        membership = choose_membership(request)
        request.membership = membership  # type: ignore[attr-defined]
        request.organization = membership.organization if membership else None  # type: ignore[attr-defined]
        if membership is None:
            return self._answer(request)
        with scope(organization=membership.organization):
            return self._answer(request)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # A lazily rendered response must be rendered while its scope is still open.
        if hasattr(response, "render") and not getattr(response, "is_rendered", True):
            response.render()
        return response
