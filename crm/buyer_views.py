"""Buyers of whom facts are missing: the list for the seller, and the page that a link opens for a buyer."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_scopes import scope

from accounts.permissions import Act, may, require
from crm.models import Company
from crm.services.buyers import (
    LinkRefused,
    address_of,
    fill_in,
    make_link,
    missing_of,
    open_link,
    organization_name,
    send_link,
    waiting_buyers,
)
from crm.tasks import ring_invoicing
from integrations.base.visits import is_within
from invoices.buyer_form import BuyerForm

CALLS, SECONDS = 30, 60


@require_safe
@require(Act.VIEW)
def buyers(request: HttpRequest) -> HttpResponse:
    """List the buyers whose facts hold invoices, the most money first, with the link of each."""
    waiting = waiting_buyers()
    may_ask = may(request, Act.SUBMIT)
    for each in waiting:
        each.company.address = (  # type: ignore[attr-defined]
            address_of(each.link) if each.link and each.link.is_open and may_ask else ""
        )
    return render(request, "crm/buyers.html", {"waiting": waiting, "may_ask": may_ask})


@require_POST
@require(Act.SUBMIT)
def buyer_ask(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a link for a buyer, and mail it where an address is given."""
    company: Company = get_object_or_404(Company.objects.select_related("organization"), pk=pk)
    to = request.POST.get("to", "").strip()[:254]
    if to and not _is_address(to):
        messages.error(request, _("Nothing was sent: “%(to)s” is no e-mail address.") % {"to": to})
        return redirect("buyers")
    link = make_link(company=company, by=request.user)  # type: ignore[arg-type]
    if not to:
        messages.success(request, _("The link for %(name)s is made. Copy it and send it.") % {"name": company})
        return redirect("buyers")
    try:
        send_link(link=link, to=to)
    except LinkRefused as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, _("The link for %(name)s is sent to %(to)s.") % {"name": company, "to": to})
    return redirect("buyers")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def buyer(request: HttpRequest, token: str) -> HttpResponse:
    """Ask a buyer for what lacks, without a log-in; a link that does not open says only that."""
    if not is_within(request, door="buyer", calls=CALLS, seconds=SECONDS):
        return _closed(request, 429)
    link = open_link(token)
    if link is None:
        return _closed(request, 404)
    with scope(organization=link.organization):
        missing = missing_of(link.company)
    form = BuyerForm(request.POST or None, missing=list(missing))
    seller = organization_name(link.organization)
    if request.method == "POST" and missing and form.is_valid():
        if not fill_in(link=link, facts=form.cleaned_data):
            return _closed(request, 404)
        ring_invoicing()
        return _page(request, {"is_done": True, "seller": seller})
    context = {"form": form, "link": link, "seller": seller, "missing": missing}
    return _page(request, context, 422 if form.errors else 200)


def _closed(request: HttpRequest, status: int) -> HttpResponse:
    return _page(request, {"is_closed": True, "is_hurried": status == 429}, status)


def _page(request: HttpRequest, context: dict[str, object], status: int = 200) -> HttpResponse:
    """Return the page, which no search engine lists, and whose address no link of it gives away."""
    answer = render(request, "crm/buyer.html", context, status=status)
    answer["X-Robots-Tag"] = "noindex"
    answer["Referrer-Policy"] = "same-origin"  # with less, browsers send no origin and the form is refused
    return answer


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
