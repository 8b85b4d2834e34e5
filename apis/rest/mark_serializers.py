"""What the REST interface takes and answers of what an API is marked with."""

from typing import Any

from rest_framework import serializers as s

from apis.owners.models import LONGEST_EMAIL
from apis.owners.models import MOST as MOST_OWNERS
from apis.rest.strict import StrictSerializer
from console.rest.fields import TextOrNull, made


class TagsShape(s.Serializer[Any]):
    tags = s.ListField(child=s.CharField())


class ApiOwnerShape(s.Serializer[Any]):
    """A user, a team, or with an address alone a contact."""

    id = s.IntegerField()
    userId = s.UUIDField(source="user_id", allow_null=True)
    teamId = s.IntegerField(source="team_id", allow_null=True)
    username = s.CharField(source="user.username", default=None, allow_null=True)
    name = s.CharField()
    email = made(TextOrNull, lambda owner: owner.contact)


class ApiOwnersShape(s.Serializer[Any]):
    total = s.IntegerField()
    owners = ApiOwnerShape(many=True)


class OwnersBody(StrictSerializer):
    owners = s.ListField(
        child=s.CharField(max_length=LONGEST_EMAIL),
        max_length=MOST_OWNERS,
        help_text="Each the login or the address of a user of the organization, `team:` and the name of a "
        "team, or an address alone.",
    )


class AutodiscoveryShape(s.Serializer[Any]):
    apiId = s.IntegerField(source="pk")
    apiName = made(
        s.CharField, lambda api: f"groupId:{api.asset.organization_id}:assetId:{api.asset.asset_id}"
    )
    apiVersion = s.CharField(source="autodiscovery_name")
    organizationId = s.UUIDField(source="environment.organization_id")
    environmentId = s.UUIDField(source="environment_id")
