"""What is asked for personal tokens, and the answer. No token is in it."""

from typing import Any

from rest_framework import serializers as s

from console.rest.fields import Limit, Moment, Offset

MOST = 1000


class TokensQuery(s.Serializer[Any]):
    limit = Limit(MOST)
    offset = Offset()


class TokenUserShape(s.Serializer[Any]):
    id = s.UUIDField()
    username = s.CharField()


class TokenShape(s.Serializer[Any]):
    id = s.IntegerField()
    name = s.CharField()
    user = TokenUserShape()
    scopes = s.ListField(
        child=s.CharField(), source="permissions", help_text="It does what its user may do of these."
    )
    organizationId = s.UUIDField(
        source="environment.organization_id", default=None, help_text="null: wherever its user may."
    )
    environmentId = s.UUIDField(source="environment_id", allow_null=True)
    createdAt = Moment(source="created_at")
    expiresAt = Moment(source="expires_at")
    lastUsedAt = Moment(source="last_used_at", allow_null=True)


class TokensAnswer(s.Serializer[Any]):
    data = TokenShape(many=True)
    total = s.IntegerField(help_text="Of all that are found, on other pages, too.")
