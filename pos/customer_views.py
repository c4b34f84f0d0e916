"""Businesses that buy at the till: their list, and what the merchant says of one so that it gets invoices."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.lists import read_page
from accounts.permissions import Act, require
from invoices.buyer_form import LABELS, BuyerForm
from pos.models import Customer, Location
from pos.services.directory import forget_buyer, name_buyer


@require_safe
@require(Act.VIEW)
def customers(request: HttpRequest) -> HttpResponse:
    """List the businesses among the tills' customers, and which of them have invoices made out to them."""
    page = read_page(Customer.objects.select_related("connection"), request.GET.get("page", ""))
    return render(request, "pos/customers.html", {"page": page, "has_locations": Location.objects.exists()})


@require_http_methods(["GET", "HEAD", "POST"])
@require(Act.SUBMIT)
def customer(request: HttpRequest, pk: int) -> HttpResponse:
    """Take what an invoice to this business needs, as the till's provider does not know it."""
    found = _customer(pk)
    form = BuyerForm(
        request.POST or None, missing=list(LABELS), initial={name: value for name, value in found.told.items() if value}
    )
    if request.method == "POST" and form.is_valid():
        name_buyer(customer=found, facts=form.cleaned_data, by=request.user)  # type: ignore[arg-type]
        messages.success(request, _("Kept. What %(name)s buys from now on is invoiced to it.") % {"name": found})
        return redirect("customers")
    context = {"customer": found, "form": form}
    return render(request, "pos/customer.html", context, status=422 if form.errors else 200)


@require_POST
@require(Act.SUBMIT)
def customer_forget(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a business be a consumer again."""
    found = _customer(pk)
    forget_buyer(customer=found)
    messages.success(request, _("What %(name)s buys from now on goes out as sales to consumers.") % {"name": found})
    return redirect("customers")


def _customer(pk: int) -> Customer:
    found: Customer = get_object_or_404(Customer.objects.select_related("connection"), pk=pk)
    return found
