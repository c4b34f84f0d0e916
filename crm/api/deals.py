"""Deals in the API, one connection at a time."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404
from django.utils.functional import cached_property
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import viewsets
from rest_framework.serializers import BaseSerializer

from accounts.api import BoundedPagination, TenantAPI
from crm.api.filters import DealFilter
from crm.api.serializers import DealDetailSerializer, DealSerializer
from crm.models import Deal
from integrations.models import Connection


@extend_schema(parameters=[OpenApiParameter("connection_id", int, OpenApiParameter.PATH)])
class DealViewSet(TenantAPI, viewsets.ReadOnlyModelViewSet[Deal]):
    """Deals of one of your connections."""

    queryset = Deal.objects.none()
    serializer_class = DealSerializer
    pagination_class = BoundedPagination
    filter_backends = (DjangoFilterBackend,)
    filterset_class = DealFilter
    lookup_field = "external_id"

    @cached_property
    def connection(self) -> Connection:
        """Return the connection of the address; raises Http404 for one of another tenant as for one that is none."""
        number = self.kwargs["connection_id"]
        found = Connection.objects.filter(pk=number).first()
        if found is None:
            raise Http404(f"Your organizations have no connection {number}.")
        return found

    def rows(self) -> QuerySet[Deal]:
        """Return the connection's deals, newest closing first, without the payloads."""
        deals: QuerySet[Deal] = Deal.objects.filter(connection=self.connection).select_related("company")
        return deals.defer("payload", "company__payload").order_by("-close_date", "-pk")

    def get_object(self) -> Deal:
        """Return one deal by its id at the provider, with its lines; raises Http404 with a sentence."""
        external_id = self.kwargs["external_id"]
        deals = self.get_queryset().select_related("contact").defer("contact__payload").prefetch_related("lines")
        deal = deals.filter(external_id=external_id).first()
        if deal is None:
            raise Http404(f"Connection {self.connection.pk} has no deal {external_id}.")
        self.check_object_permissions(self.request, deal)
        return deal

    def get_serializer_class(self) -> type[BaseSerializer[Deal]]:
        """Return the short form for the list, the whole one for the detail."""
        return DealDetailSerializer if self.action == "retrieve" else DealSerializer
