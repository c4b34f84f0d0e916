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
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

from accounts.lists import COUNTED, BoundedPaginator
from accounts.models import Organization

DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE = 25, 100
LARGEST_ID = 2**63 - 1
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
    """Pages by number; anything out of bounds is refused by name instead of clamped. Counts to COUNTED."""

    page: Any
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
        paginator = BoundedPaginator(queryset, self.get_page_size(request))
        try:
            self.page = paginator.page(number)
        except EmptyPage as problem:
            pages = "1 page" if paginator.num_pages == 1 else f"{paginator.num_pages} pages"
            more = " by number; beyond them follow `next`" if paginator.is_cut else ""
            raise NotFound(f"There is no page {number}: this list has {pages}{more}.") from problem
        # The browsable pages show the controls only when there is somewhere to go.
        self.display_page_controls = paginator.num_pages > 1
        return list(self.page)


class NewestFirstPagination(BoundedPagination):
    """Pages by number as far as is counted, then by `before`: whoever follows `next` reads a list of any length.

    For rows in falling order of their ids.
    """

    before_description = f"Rows with an id below this one; `next` asks for it beyond the {COUNTED:,} rows counted."
    _last: int | None = None
    _is_beyond = False

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Return one page; raises ValidationError for a wrong number and NotFound past the end."""
        if "before" not in request.query_params:
            rows = super().paginate_queryset(queryset, request, view)
            is_last = self.page.number == self.page.paginator.num_pages
            self._last = rows[-1].pk if is_last and self.page.paginator.is_cut else None
            return rows
        self.request, self._is_beyond = request, True
        size = self.get_page_size(request)
        self.page = BoundedPaginator(queryset, size).page(1)
        self.display_page_controls = False
        before = whole_number(request.query_params, "before", 1, LARGEST_ID)
        found = list(queryset.filter(pk__lt=before)[: size + 1])
        self._last = found[size - 1].pk if len(found) > size else None
        return found[:size]

    def get_next_link(self) -> str | None:
        """Return the address of what follows, None at the end."""
        if self._last is not None and self.request is not None:
            address = remove_query_param(self.request.build_absolute_uri(), "page")
            return str(replace_query_param(address, "before", self._last))
        return None if self._is_beyond else super().get_next_link()

    def get_previous_link(self) -> str | None:
        """Return the address of what comes before, None at the start and beyond the pages by number."""
        return None if self._is_beyond else super().get_previous_link()

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Return the parameters with `before` among them."""
        before = {
            "name": "before",
            "required": False,
            "in": "query",
            "description": self.before_description,
            "schema": {"type": "integer"},
        }
        return [*super().get_schema_operation_parameters(view), before]


def whole_number(parameters: Mapping[str, str], name: str, default: int, largest: int) -> int:
    """Return a parameter as a whole number of 1 to `largest`; raises ValidationError that names bound and value."""
    given = parameters.get(name)
    if given is None:
        return default
    if given.isascii() and given.isdigit() and len(given) <= 20 and 1 <= int(given) <= largest:
        return int(given)
    shown = given if given and len(given) <= 40 else f"{given[:40]}…" if given else "nothing"
    raise ValidationError({name: [f"{name} must be between 1 and {largest}; {shown} was given."]})
