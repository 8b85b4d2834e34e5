"""Bodies that the part of change sets of the REST interface takes and gives."""

from typing import Any

from rest_framework import serializers as s

from apis.deployment import change_sets
from apis.rest.strict import StrictSerializer
from console.rest.fields import Moment


class Comment(StrictSerializer):
    comment = s.CharField(
        required=False, allow_blank=True, default="", help_text="Kept with each deployment."
    )


class NewChangeSet(Comment):
    gatewayId = s.UUIDField()
    apiIds = s.ListField(
        child=s.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        max_length=change_sets.MOST,
        help_text="Left out, all APIs of the gateway of which something is pending.",
    )
    despiteTests = s.BooleanField(
        required=False,
        default=False,
        help_text="Deploy although tests that stop deployments do not pass; administrators alone may.",
    )


class ChangeSetApi(s.Serializer[Any]):
    apiId = s.IntegerField(source="api_id")
    revision = s.CharField(source="revision.short_id", allow_null=True, default=None)
    replaced = s.CharField(source="replaced.short_id", allow_null=True, default=None)


class ChangeSetShape(s.Serializer[Any]):
    id = s.UUIDField()
    gatewayId = s.UUIDField(source="gateway_id")
    comment = s.CharField()
    by = s.CharField(source="actor_name")
    at = Moment()
    takesBack = s.UUIDField(source="undoes_id", allow_null=True)
    apis = ChangeSetApi(source="brought.all", many=True, help_text="As far as it is still kept.")
