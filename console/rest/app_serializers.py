"""What a connected app may do, as Anypoint's clients say it."""

from typing import Any

from rest_framework import serializers as s

from console.permissions import Permission
from console.rest.fields import OneOf

MOST_SCOPES = 2000


class ScopeShape(s.Serializer[Any]):
    scope = s.CharField()
    context_params = s.DictField(help_text="The organization, and the environment if it is for one alone.")


class ScopesAnswer(s.Serializer[Any]):
    data: Any = ScopeShape(many=True)
    total = s.IntegerField()


class PlaceBody(s.Serializer[Any]):
    org = s.UUIDField()
    envId = s.UUIDField(required=False, help_text="Without it: all of the app's organization.")


class ScopeBody(s.Serializer[Any]):
    scope = OneOf(sorted(Permission.values))
    context_params = PlaceBody()


class ScopesBody(s.Serializer[Any]):
    scopes = s.ListField(child=ScopeBody(), allow_empty=False, max_length=MOST_SCOPES)
