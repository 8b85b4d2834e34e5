"""Bodies and answers of the audit log."""

from datetime import UTC, datetime, timedelta
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from console.audit_log.models import LEAST_DAYS, MOST_DAYS
from console.models import AuditEntry

MOST_IDS = 100
MOST_OFFSET = 100_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@extend_schema_field(OpenApiTypes.STR)
class MomentField(serializers.DateTimeField):
    """ISO 8601, or milliseconds since 1970."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=UTC, **kwargs)

    def to_internal_value(self, value: Any) -> datetime:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if is_number or (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) > 8):
            try:
                return EPOCH + timedelta(milliseconds=int(str(value)[:20]))
            except OverflowError:
                self.fail("overflow")
        return super().to_internal_value(value)


class Strict(serializers.Serializer):
    """Refuses fields that it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            raise serializers.ValidationError(
                {str(name): ["There is no such field."] for name in unknown[:20]}
            )
        return super().to_internal_value(data)


def _texts(longest: int = 64) -> serializers.ListField:
    child = serializers.CharField(max_length=longest)
    return serializers.ListField(child=child, required=False, max_length=MOST_IDS)


def _uuids() -> serializers.ListField:
    return serializers.ListField(child=serializers.UUIDField(), required=False, max_length=MOST_IDS)


class LogQuery(Strict):
    startDate = MomentField()
    endDate = MomentField(required=False, allow_null=True)
    userIds = _uuids()
    objectIds = _texts()
    parentIds = _texts()
    environmentIds = _uuids()
    platforms = _texts()
    objectTypes = _texts()
    actions = serializers.ListField(
        child=serializers.ChoiceField(choices=AuditEntry.Action.choices), required=False, max_length=MOST_IDS
    )
    failed = serializers.BooleanField(required=False, allow_null=True)
    full = serializers.BooleanField(default=True)
    ascending = serializers.BooleanField(default=True)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=200)
    offset = serializers.IntegerField(default=0, min_value=0, max_value=MOST_OFFSET)
    cursor = serializers.CharField(required=False, max_length=40)
    organizationId = serializers.UUIDField(required=False, help_text="The address says which.")


class LogSubject(serializers.Serializer):
    id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()


class LogObject(serializers.Serializer):
    objectId = serializers.CharField()
    objectName = serializers.CharField()
    objectType = serializers.CharField()
    parentId = serializers.CharField(allow_null=True)
    parentType = serializers.CharField(allow_null=True)
    environmentId = serializers.UUIDField(allow_null=True)
    environmentName = serializers.CharField(allow_null=True)


class LogPayload(serializers.Serializer):
    properties = serializers.JSONField(help_text="By field: what it was, and what it became.")


class LogEntry(serializers.Serializer):
    id = serializers.CharField()
    timestamp = serializers.CharField()
    organizationId = serializers.UUIDField()
    environmentId = serializers.UUIDField(allow_null=True)
    platform = serializers.CharField()
    action = serializers.CharField()
    failed = serializers.BooleanField()
    subject = LogSubject()
    objects = LogObject(many=True)
    payload = LogPayload(required=False)


class LogQueryResult(serializers.Serializer):
    data = LogEntry(many=True)
    total = serializers.IntegerField(required=False, help_text="10,000 for more, too.")
    cursor = serializers.CharField(required=False)


class Platform(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField()


class PlatformList(serializers.Serializer):
    data = Platform(many=True)
    total = serializers.IntegerField()


class ObjectType(serializers.Serializer):
    name = serializers.CharField()
    platforms = serializers.ListField(child=serializers.CharField())


class ObjectTypeList(serializers.Serializer):
    data = ObjectType(many=True)
    total = serializers.IntegerField()


class LogAction(serializers.Serializer):
    name = serializers.CharField()
    label = serializers.CharField()
    objectTypes = serializers.ListField(child=serializers.CharField())


class ActionList(serializers.Serializer):
    data = LogAction(many=True)
    total = serializers.IntegerField()


class RetentionBody(Strict):
    retentionPeriod = serializers.IntegerField(min_value=LEAST_DAYS, max_value=MOST_DAYS, help_text="Days.")
    effectiveFrom = MomentField(required=False)


class RetentionEntry(serializers.Serializer):
    retentionPeriod = serializers.IntegerField()
    effectiveFrom = serializers.CharField(allow_null=True)


class RetentionList(serializers.Serializer):
    data = RetentionEntry(many=True)
