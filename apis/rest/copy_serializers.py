"""Bodies of several copies of an API, and the answer."""

from typing import Any

from rest_framework import serializers as s

from apis.changes.copies import MOST_COPIES
from apis.rest.strict import StrictSerializer
from apis.rules import upstream_uri


class CopyBody(StrictSerializer):
    name = s.CharField(max_length=255, help_text="Of the new API.")
    basePath = s.CharField(max_length=255)
    port = s.IntegerField(required=False, help_text="Left out: the origin's.")
    upstreams = s.DictField(
        child=s.CharField(max_length=upstream_uri.MAX_LENGTH),
        required=False,
        help_text="URIs by the ids of the origin's upstreams; those that are left out stay as they are.",
    )


class CopiesBody(StrictSerializer):
    copies = s.ListField(child=CopyBody(), allow_empty=False, max_length=MOST_COPIES)
    targetId = s.UUIDField(required=False, allow_null=True, help_text="The gateway of all of them.")
    deploy = s.BooleanField(default=False)


class CopyShape(s.Serializer[Any]):
    id = s.IntegerField(source="pk")
    name = s.CharField(source="asset.name")


class CopiesShape(s.Serializer[Any]):
    copies = CopyShape(many=True)
