"""The seller's keys at the authority, on the settings page: the key file, and the service id of the IRN template."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.permissions import Act, require
from invoices.key_forms import KeyFileForm
from invoices.models import Business
from invoices.services.issuing import reissue_held
from invoices.services.service_ids import read_service_id, take_service_id
from invoices.tasks import ring_submissions


@require_POST
@require(Act.KEYS)
def key_file(request: HttpRequest) -> HttpResponse:
    """Take the key file: public key and certificate, stored encrypted."""
    business = _business_of(request)
    form = KeyFileForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, " ".join(str(text) for texts in form.errors.values() for text in texts))
        return redirect("settings")
    business.public_key, business.certificate = form.keys.public_key, form.keys.certificate
    business.save(update_fields=["public_key", "certificate", "updated_at"])
    reissue_held(organization=business.organization)
    ring_submissions()
    messages.success(request, _("The key file is stored, and invoices that waited for it were looked at again."))
    return redirect("settings")


@require_POST
@require(Act.KEYS)
def service_id(request: HttpRequest) -> HttpResponse:
    """Read the service id from the authority's template; `take` puts it on the profile although they disagree."""
    business = _business_of(request)
    read = read_service_id(business)
    if read.problem:
        messages.error(request, read.problem)
        return redirect("settings")
    for warning in read.warnings:
        messages.warning(request, warning)
    if read.service_id == business.service_id:
        messages.success(request, _("The authority's template has the service id of the profile."))
    elif not business.service_id or request.POST.get("take"):
        try:
            take_service_id(business=business, service_id=read.service_id)
        except ValidationError as problem:
            messages.error(request, " ".join(problem.messages))
        else:
            ring_submissions()
            words = _("The profile now has the service id %(id)s of the authority's template.")
            messages.success(request, words % {"id": read.service_id})
    else:
        messages.info(request, _("Nothing was changed. Choose “Take the template's” to change the profile."))
    return redirect("settings")


def _business_of(request: HttpRequest) -> Business:
    organization: Any = request.organization  # type: ignore[attr-defined]
    business: Business = get_object_or_404(Business.objects.select_related("organization"), organization=organization)
    return business
