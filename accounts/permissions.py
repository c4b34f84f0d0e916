"""Which role may do what; the one table that views, API and templates ask."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from rest_framework.permissions import BasePermission

from accounts.models import Role


class Act(StrEnum):
    """A thing that somebody may do in an organization."""

    VIEW = "view"
    CONNECT = "connect"
    SYNC = "sync"
    SUBMIT = "submit"
    APPROVE = "approve"
    KEYS = "keys"
    RULES = "rules"


ROLES_FOR: dict[Act, frozenset[str]] = {
    Act.VIEW: frozenset(Role.values),
    Act.CONNECT: frozenset({Role.OWNER}),
    Act.SYNC: frozenset({Role.OWNER, Role.ACCOUNTANT, Role.OPERATOR}),
    Act.SUBMIT: frozenset({Role.OWNER, Role.ACCOUNTANT}),
    Act.APPROVE: frozenset({Role.OWNER, Role.ACCOUNTANT}),
    Act.KEYS: frozenset({Role.OWNER}),
    Act.RULES: frozenset({Role.OWNER, Role.ACCOUNTANT}),
}

WHO_MAY = {
    Act.CONNECT: "Only an owner can connect or disconnect an account. Ask an owner of {organization}.",
    Act.SYNC: "Your role can look but not start a sync. Ask an owner, accountant or operator of {organization}.",
    Act.APPROVE: "Your role can look but not approve invoices. Ask an owner or accountant of {organization}.",
    Act.KEYS: "Only an owner can change the keys at the tax authority. Ask an owner of {organization}.",
    Act.RULES: "Your role can look but not change the rules. Ask an owner or accountant of {organization}.",
    Act.SUBMIT: "Your role can look but not submit invoices. Ask an owner or accountant of {organization}.",
}


def may(request: HttpRequest, act: Act) -> bool:
    """Tell whether the person of this request may do this in the current organization."""
    membership = getattr(request, "membership", None)
    return membership is not None and membership.role in ROLES_FOR[act]


def require(act: Act) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Return a view decorator that asks for a log-in, an organization and a role that may do the act.

    Raises PermissionDenied with a sentence that says whom to ask.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            organization = getattr(request, "organization", None)
            if organization is None and request.user.is_staff:
                return redirect("admin:index")
            if organization is None:
                raise PermissionDenied(
                    "You belong to no organization yet. Ask an owner to add you, then sign in again."
                )
            if not may(request, act):
                raise PermissionDenied(WHO_MAY.get(act, "").format(organization=organization))
            return view(request, *args, **kwargs)

        return login_required(guarded)

    return decorate


def is_of_another_organization(request: HttpRequest) -> bool:
    """Tell whether a form was made for another organization than the current one, and say so to its sender.

    Two tabs share one session: who switched in one of them must not connect the other's account to the wrong books.
    """
    named, current = request.POST.get("organization", ""), getattr(request, "organization", None)
    if not named or current is None or named == str(current.pk):
        return False
    messages.error(
        request,
        f"Nothing was done: that page was of another organization, and you are working for {current} now. "
        "Switch to the one you mean and press it again.",
    )
    return True


class IsMember(BasePermission):
    """API: the caller is signed in and belongs to an organization."""

    message = "Sign in as a member of an organization to use this API."

    def has_permission(self, request: Any, view: Any) -> bool:
        """Tell whether the caller belongs anywhere; which rows they see is the scope's business."""
        user = request.user
        return bool(user and user.is_authenticated and user.memberships.exists())
