"""Sales from tills."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.permissions import Act, require


@require_safe
@require(Act.VIEW)
def sales(request: HttpRequest) -> HttpResponse:
    """Say honestly that no till can be connected yet."""
    return render(request, "pos/sales.html")
