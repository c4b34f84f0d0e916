"""Addresses of the API, version 1, and of its own documentation."""

from __future__ import annotations

from typing import Any

from django.urls import path, re_path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api import TenantAPI
from crm.api.deals import DealViewSet
from integrations.api.connections import ConnectionViewSet
from integrations.api.queues import QueuesView
from integrations.base.registry import connector_classes
from integrations.models import Connection
from invoices.api.invoices import InvoiceViewSet
from pos.api.sales import SaleViewSet


class RootView(TenantAPI):
    """Where to start: the lists of your organizations."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the addresses of the lists; deals are listed per connection."""
        crms = [slug for slug, connector in connector_classes().items() if connector.info.category == "crm"]
        numbers = Connection.objects.filter(provider__in=crms).order_by("pk").values_list("pk", flat=True)
        return Response(
            {
                "connections": reverse("api-connections", request=request),
                "invoices": reverse("api-invoices", request=request),
                "sales": reverse("api-sales", request=request),
                "deals": [reverse("api-deals", args=[number], request=request) for number in numbers],
                "documentation": reverse("api-docs", request=request),
            }
        )


LIST: dict[str, Any] = {"get": "list"}
DETAIL: dict[str, Any] = {"get": "retrieve"}
DEAL = r"^v1/crm/(?P<connection_id>[0-9]{1,18})/deals/(?P<external_id>[^/\x00]{1,100})"

urlpatterns = [
    path("v1/", RootView.as_view(), name="api-root"),
    path("v1/connections/", ConnectionViewSet.as_view(LIST, name="Connections"), name="api-connections"),
    path("v1/connections/<int:pk>/", ConnectionViewSet.as_view(DETAIL, name="Connection"), name="api-connection"),
    path(
        "v1/connections/<int:pk>/test/",
        ConnectionViewSet.as_view({"post": "test"}, name="Test"),
        name="api-connection-test",
    ),
    path("v1/crm/<int:connection_id>/deals", DealViewSet.as_view(LIST, name="Deals"), name="api-deals"),
    re_path(
        DEAL + "$",
        DealViewSet.as_view(DETAIL, name="Deal"),
        name="api-deal",
    ),
    # The same with a slash at the end, for whoever types one; the schema names each address once.
    path("v1/crm/<int:connection_id>/deals/", DealViewSet.as_view(LIST, name="Deals", schema=None)),
    re_path(
        DEAL + "/$",
        DealViewSet.as_view(DETAIL, name="Deal", schema=None),
    ),
    path("v1/invoices/", InvoiceViewSet.as_view(LIST, name="Invoices"), name="api-invoices"),
    path("v1/invoices/<int:pk>/", InvoiceViewSet.as_view(DETAIL, name="Invoice"), name="api-invoice"),
    path("v1/sales/", SaleViewSet.as_view(LIST, name="Sales"), name="api-sales"),
    path("v1/sales/<int:pk>/", SaleViewSet.as_view(DETAIL, name="Sale"), name="api-sale"),
    path("v1/queues/", QueuesView.as_view(), name="api-queues"),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api-schema"), name="api-docs"),
]
