"""Signing in and out, and choosing the organization."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.forms import SignInForm
from accounts.middleware import SESSION_KEY


class SignInView(LoginView):
    """The log-in page."""

    template_name = "accounts/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True


@require_POST
@login_required
def switch_organization(request: HttpRequest) -> HttpResponse:
    """Work in another of one's organizations from now on; any other choice changes nothing."""
    memberships = request.user.memberships.select_related("organization")  # type: ignore[union-attr]
    wanted = request.POST.get("organization", "")
    chosen = next((each for each in memberships if str(each.organization_id) == wanted), None)
    if chosen is None:
        messages.error(request, _("You do not belong to that organization, so nothing was changed."))
    else:
        request.session[SESSION_KEY] = chosen.organization_id
        messages.success(request, _("You now work in %(name)s.") % {"name": chosen.organization})
    return redirect("home")
