"""The health of the queues in the API, for staff: they are shared by all organizations and show none's data."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.broker import report_now
from integrations.queue_health import DueWork, Fault, Judged, Process, Report
from integrations.queue_views import RIGHT


class IsOperations(BasePermission):
    """The caller is staff with the right to look at the queues."""

    message = "The queues are shown to operations staff who may view queue minutes."

    def has_permission(self, request: Any, view: Any) -> bool:
        """Tell whether the caller may look."""
        return bool(request.user and request.user.is_staff and request.user.has_perm(RIGHT))


class FaultSerializer(serializers.Serializer[Fault]):
    """One thing that is wrong."""

    level = serializers.CharField(source="level.word")
    sentence = serializers.CharField()


class ProcessSerializer(serializers.Serializer[Process]):
    """A worker or beat, as it last told of itself."""

    name = serializers.CharField()
    queues = serializers.ListField(child=serializers.CharField())
    beaten_at = serializers.DateTimeField()


class DueWorkSerializer(serializers.Serializer[DueWork]):
    """Rows of the database that are due."""

    what = serializers.CharField()
    count = serializers.IntegerField()
    oldest_at = serializers.DateTimeField(allow_null=True)


class QueueSerializer(serializers.Serializer[Judged]):
    """One queue: what the broker, the database, its workers and its canary say of it."""

    name = serializers.CharField(source="facts.queue.name")
    weight = serializers.IntegerField(source="facts.queue.weight")
    level = serializers.CharField(source="level.word")
    depth = serializers.IntegerField(source="facts.depth", allow_null=True)
    due = DueWorkSerializer(source="facts.due", many=True)
    canary_sent_at = serializers.DateTimeField(source="facts.canary_sent_at", allow_null=True)
    canary_heard_at = serializers.DateTimeField(source="facts.canary_heard_at", allow_null=True)
    begun_last_hour = serializers.IntegerField(source="facts.taken")
    failed_last_hour = serializers.IntegerField(source="facts.failed")
    workers = ProcessSerializer(source="facts.workers", many=True)
    faults = FaultSerializer(many=True)


class ReportSerializer(serializers.Serializer[Report]):
    """All queues, and what is wrong beside them."""

    at = serializers.DateTimeField()
    level = serializers.CharField(source="level.word")
    faults = FaultSerializer(source="all_faults", many=True)
    beats = ProcessSerializer(many=True)
    queues = QueueSerializer(many=True)


class QueuesView(APIView):
    """How the queues are now."""

    permission_classes = (IsOperations,)

    @extend_schema(responses=ReportSerializer)
    def get(self, request: Request) -> Response:
        """Return the report; `level` is ok, warning or critical."""
        return Response(ReportSerializer(report_now()).data)
