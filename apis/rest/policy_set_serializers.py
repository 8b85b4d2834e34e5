"""Bodies that the policy sets part of the REST interface takes and gives."""

from typing import Any

from rest_framework import serializers as s

from apis.changes import policy_sets as change
from apis.rest.strict import StrictSerializer

MOST_APIS = 1000
"""Named in one body."""


class SetBody(StrictSerializer):
    name = s.CharField(max_length=change.LONGEST_NAME)
    description = s.CharField(required=False, allow_blank=True, max_length=change.LONGEST_DESCRIPTION)


class ApisBody(StrictSerializer):
    apiIds = s.ListField(child=s.IntegerField(min_value=1), min_length=1, max_length=MOST_APIS)


class TakeQuery(s.Serializer[Any]):
    keep = s.BooleanField(default=False, help_text="The API keeps its policies as its own, as they are now.")


class SetRow(s.Serializer[Any]):
    id = s.IntegerField(source="pk")
    name = s.CharField()
    description = s.CharField()
    policyCount = s.IntegerField(source="policy_count")
    apiCount = s.IntegerField(source="api_count")
    updatedDate = s.DateTimeField(source="updated_at")


class SetList(s.Serializer[Any]):
    policySets = SetRow(many=True)
    total = s.IntegerField()


class SetShape(SetRow):
    apiIds = s.ListField(child=s.IntegerField(), source="api_ids", help_text="Those that have it.")
