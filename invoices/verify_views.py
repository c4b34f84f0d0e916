"""The public page that says whether an invoice exists, for anybody who holds its reference number."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from integrations.base.visits import is_within
from invoices.services.verifying import clean_irn, verify_irn

# A person checks a pile of paper; a machine that tries numbers gets nowhere.
CALLS, SECONDS = 30, 60


@require_safe
def verify(request: HttpRequest, irn: str = "") -> HttpResponse:
    """Show the form, or what may be known of one invoice; one that is unknown gives a page of the same shape."""
    typed = request.GET.get("irn", "")[:200].strip()
    if not irn and typed:
        cleaned = clean_irn(typed)
        if cleaned:
            return redirect("verify_irn", irn=cleaned)
        problem = _(
            "That is not a reference number. It looks like INV000001-AB12CD34-20261120 and stands on the invoice."
        )
        return _page(request, {"typed": typed, "problem": problem})
    if not irn:
        return _page(request, {})
    if not is_within(request, door="verify", calls=CALLS, seconds=SECONDS):
        problem = _("You asked %(calls)d times within a minute. Wait a minute, then ask again.") % {"calls": CALLS}
        answer = _page(request, {"typed": irn[:50], "problem": problem}, status=429)
        answer["Retry-After"] = str(SECONDS)
        return answer
    return _page(request, {"typed": clean_irn(irn) or irn[:50], "is_asked": True, "found": verify_irn(irn)})


def _page(request: HttpRequest, context: dict[str, object], status: int = 200) -> HttpResponse:
    """Return the page, never to be kept by anybody between or listed by a search engine."""
    answer = render(request, "invoices/verify.html", context, status=status)
    answer["Cache-Control"] = "no-store"
    answer["X-Robots-Tag"] = "noindex"
    return answer
