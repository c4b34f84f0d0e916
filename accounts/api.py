"""What every API view of a tenant's rows stands on: whose rows, and how they are paged."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, NoReturn

from django.core.paginator import EmptyPage
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_scopes import scope
from rest_framework.exceptions import NotAuthenticated, NotFound, ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import Organization

DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE = 25, 100
LARGEST_PAGE = 10**9  # far beyond any page there is, and an int that the database can multiply


class TenantAPI(APIView):
    """A view whose handling and whose answer's rendering run in the caller's own scope; first of a viewset's bases.

    The scope holds every organization that the caller belongs to, and nothing until they are known: staff without
    a membership see nothing here. Views give their rows by `rows()`.
    """

    _scopes: ExitStack

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer; the browsable pages query while they render, so that happens inside the scope too."""
        with ExitStack() as self._scopes:
            self._scopes.enter_context(scope(organization=[]))
            response = super().dispatch(request, *args, **kwargs)
            return response.render() if hasattr(response, "render") else response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Open the caller's scope once authentication and permissions are settled."""
        super().initial(request, *args, **kwargs)
        if request.user.is_authenticated:
            own = list(Organization.objects.filter(memberships__user=request.user))
            self._scopes.enter_context(scope(organization=own))

    def permission_denied(self, request: Request, message: str | None = None, code: str | None = None) -> NoReturn:
        """Say how to get in; raises NotAuthenticated or PermissionDenied."""
        if request.authenticators and not request.successful_authenticator:
            raise NotAuthenticated(
                "Sign in on the pages, or send e-mail address and password by HTTP Basic, to use this API."
            )
        super().permission_denied(request, message=message, code=code)

    def rows(self) -> QuerySet[Any]:
        """Return the view's rows within the open scope."""
        raise NotImplementedError

    def get_queryset(self) -> QuerySet[Any]:
        """Return the rows; none while the schema is made, which happens in nobody's scope."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()  # type: ignore[attr-defined]
        return self.rows()


class BoundedPagination(PageNumberPagination):
    """Pages by number; anything out of bounds is refused by name instead of clamped."""

    page_size = DEFAULT_PAGE_SIZE
    max_page_size = LARGEST_PAGE_SIZE
    page_size_query_param = "page_size"
    page_query_description = "Page to read, from 1."
    page_size_query_description = f"Rows a page, 1 to {LARGEST_PAGE_SIZE}; {DEFAULT_PAGE_SIZE} without it."

    def get_page_size(self, request: Request) -> int:
        """Return the size asked for; raises ValidationError unless it is 1 to 100."""
        return whole_number(request.query_params, "page_size", DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Return one page; raises ValidationError for a wrong number and NotFound past the end."""
        self.request = request
        number = whole_number(request.query_params, "page", 1, LARGEST_PAGE)
        paginator = self.django_paginator_class(queryset, self.get_page_size(request))
        try:
            self.page = paginator.page(number)
        except EmptyPage as problem:
            pages = "1 page" if paginator.num_pages == 1 else f"{paginator.num_pages} pages"
            raise NotFound(f"There is no page {number}: this list has {pages}.") from problem
        # The browsable pages show the controls only when there is somewhere to go.
        self.display_page_controls = paginator.num_pages > 1
        return list(self.page)


def whole_number(parameters: Mapping[str, str], name: str, default: int, largest: int) -> int:
    """Return a parameter as a whole number of 1 to `largest`; raises ValidationError that names bound and value."""
    given = parameters.get(name)
    if given is None:
        return default
    if given.isascii() and given.isdigit() and len(given) <= 20 and 1 <= int(given) <= largest:
        return int(given)
    shown = given if given and len(given) <= 40 else f"{given[:40]}…" if given else "nothing"
    raise ValidationError({name: [f"{name} must be between 1 and {largest}; {shown} was given."]})
