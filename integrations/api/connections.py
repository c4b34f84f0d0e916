"""Connections in the API: what is connected and how its last sync ended. Never a token."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, viewsets
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import BoundedPagination, TenantAPI
from accounts.permissions import ROLES_FOR, WHO_MAY, Act
from integrations.base.registry import connector_classes
from integrations.models import Connection, SyncRun
from integrations.services.testing import try_connection


class SyncRunSerializer(serializers.ModelSerializer[SyncRun]):
    """How a run stands or ended."""

    class Meta:
        model = SyncRun
        fields = (
            "id", "stream", "mode", "status", "sentence", "started_at", "finished_at", "read", "created", "changed",
            "unchanged", "quarantined",
        )  # fmt: skip


class ConnectionSerializer(serializers.ModelSerializer[Connection]):
    """A link to an outside account."""

    organization = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    provider_name = serializers.SerializerMethodField()
    status_label = serializers.CharField(source="get_status_display", read_only=True)
    health_label = serializers.CharField(source="get_health_display", read_only=True)
    last_run = serializers.SerializerMethodField()

    class Meta:
        model = Connection
        fields = (
            "id", "organization", "provider", "provider_name", "name", "status", "status_label", "problem",
            "external_account_id", "time_zone", "currency", "sync_requested_at", "last_good_call_at", "created_at",
            "health", "health_label", "health_cause", "health_next", "health_since", "last_run",
        )  # fmt: skip

    def get_provider_name(self, connection: Connection) -> str:
        """Return the provider's name."""
        connector = connector_classes().get(connection.provider)
        return connector.info.name if connector else connection.provider

    @extend_schema_field(SyncRunSerializer(allow_null=True))
    def get_last_run(self, connection: Connection) -> dict[str, Any] | None:
        """Return the newest run, null before the first."""
        newest: list[SyncRun] = connection.newest_runs  # type: ignore[attr-defined]
        return SyncRunSerializer(newest[0]).data if newest else None


class TestLineSerializer(serializers.Serializer[Any]):
    """One thing that a test looked at; `is_good` is null for a fact that is neither good nor bad."""

    label = serializers.CharField()  # type: ignore[assignment]
    sentence = serializers.CharField()
    is_good = serializers.BooleanField(allow_null=True)


class TestReportSerializer(serializers.Serializer[Any]):
    """What a test of a connection found."""

    success = serializers.BooleanField()
    message = serializers.CharField()
    lines = TestLineSerializer(many=True)
    missing_scopes = serializers.ListField(child=serializers.CharField())


class ConnectionViewSet(TenantAPI, viewsets.ReadOnlyModelViewSet[Connection]):
    """Accounts that your organizations connected."""

    queryset = Connection.objects.none()
    serializer_class = ConnectionSerializer
    pagination_class = BoundedPagination
    filter_backends = ()

    def rows(self) -> QuerySet[Connection]:
        """Return the caller's connections, each with its newest run."""
        newest = Prefetch("runs", queryset=SyncRun.objects.newest(), to_attr="newest_runs")
        return Connection.objects.select_related("organization").prefetch_related(newest).order_by("pk")

    @extend_schema(request=None, responses=TestReportSerializer)
    def test(self, request: Request, pk: int) -> Response:
        """Try the connection now and say what was found."""
        connection = self.get_object()
        organization = connection.organization
        role = organization.memberships.filter(user_id=request.user.pk or 0).values_list("role", flat=True).first()
        if role not in ROLES_FOR[Act.SYNC]:
            raise PermissionDenied(WHO_MAY[Act.SYNC].format(organization=organization))
        return Response(try_connection(connection).as_json())
