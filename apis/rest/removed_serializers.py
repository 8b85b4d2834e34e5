"""Bodies and answers of REST about what was deleted lately."""

from typing import Any

from rest_framework import serializers as s

from apis.rest.strict import StrictSerializer
from console.rest.fields import Moment


class RestoreBody(StrictSerializer):
    basePath = s.CharField(
        required=False, default="", max_length=255, help_text="Another one, where its own was taken."
    )
    port = s.IntegerField(required=False, allow_null=True, default=None, min_value=1, max_value=65535)


class RemovedShape(s.Serializer[Any]):
    id = s.IntegerField(source="pk")
    apiId = s.IntegerField(source="api_id", help_text="Of the API that it was, or was of; 0 for none.")
    name = s.CharField()
    deletedAt = Moment(source="at")
    deletedBy = s.CharField(source="by.username", allow_null=True, default=None)
    keptUntil = Moment(source="until")


class RemovedList(s.Serializer[Any]):
    total = s.IntegerField()
    limit = s.IntegerField()
    offset = s.IntegerField()
    deleted = RemovedShape(many=True)
