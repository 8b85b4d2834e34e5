"""Bodies that the accounts part of the REST interface takes and gives."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from console.models import Environment
from console.rest.fields import OneOf


class LoginBody(serializers.Serializer[Any]):
    username = serializers.CharField()
    password = serializers.CharField(trim_whitespace=False, write_only=True)


class LoginAnswer(serializers.Serializer[Any]):
    access_token = serializers.CharField()
    token_type = serializers.CharField()
    redirectUrl = serializers.CharField()


class TokenBody(serializers.Serializer[Any]):
    grant_type = OneOf(["client_credentials", "password"])
    client_id = serializers.CharField(required=False)
    client_secret = serializers.CharField(required=False, trim_whitespace=False)
    username = serializers.CharField(required=False)
    password = serializers.CharField(required=False, trim_whitespace=False)


class TokenAnswer(serializers.Serializer[Any]):
    access_token = serializers.CharField()
    expires_in = serializers.IntegerField()
    token_type = serializers.CharField()


class ErrorEntry(serializers.Serializer[Any]):
    type = serializers.CharField()
    message = serializers.CharField()
    field = serializers.CharField(required=False)


class ErrorAnswer(serializers.Serializer[Any]):
    name = serializers.CharField()
    message = serializers.CharField()
    errors = ErrorEntry(many=True)


REFUSALS = {400: ErrorAnswer, 403: ErrorAnswer, 404: ErrorAnswer, 409: ErrorAnswer}
"""The answers of an address that changes something, when it refuses to."""


class EnvironmentShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    organizationId = serializers.UUIDField()
    isProduction = serializers.BooleanField()
    type = serializers.ChoiceField(Environment.Type.choices)
    clientId = serializers.CharField(allow_null=True)
    deploys = serializers.ChoiceField(
        Environment.Deploys.choices, help_text="How changes that are saved of deployed APIs are deployed."
    )
    failingTestsStop = serializers.BooleanField(
        help_text="Whether an API's failing tests stop the deployment of what is pending of it."
    )


@extend_schema_serializer(many=False)
class EnvironmentList(serializers.Serializer[Any]):
    data = EnvironmentShape(many=True)
    total = serializers.IntegerField()


class EnvironmentBody(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    type = OneOf(Environment.Type.choices, default=Environment.Type.SANDBOX)
    organizationId = serializers.UUIDField(required=False)


class EnvironmentPatch(serializers.Serializer[Any]):
    deploys = OneOf(Environment.Deploys.choices, required=False)
    failingTestsStop = serializers.BooleanField(required=False)


class MemberShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    isRoot = serializers.BooleanField()
    isMaster = serializers.BooleanField()
    parentOrganizationIds = serializers.ListField(child=serializers.UUIDField())
    subOrganizationIds = serializers.ListField(child=serializers.UUIDField())
    tenantOrganizationIds = serializers.ListField(child=serializers.UUIDField())


class OwnerShape(serializers.Serializer[Any]):
    id = serializers.UUIDField(allow_null=True)
    username = serializers.CharField(allow_null=True)


class OrganizationShape(MemberShape):
    createdAt = serializers.DateTimeField()
    updatedAt = serializers.DateTimeField()
    ownerId = serializers.UUIDField(allow_null=True)
    owner = OwnerShape()
    environments = EnvironmentShape(many=True)
    subscription = serializers.DictField()
    entitlements = serializers.DictField()
    clientId = serializers.CharField(allow_null=True)


class UserShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    username = serializers.CharField()
    firstName = serializers.CharField(allow_blank=True)
    lastName = serializers.CharField(allow_blank=True)
    email = serializers.CharField(allow_blank=True)
    createdAt = serializers.DateTimeField()
    lastLogin = serializers.DateTimeField(allow_null=True)
    enabled = serializers.BooleanField()
    organizationId = serializers.UUIDField(allow_null=True)
    organization = MemberShape(allow_null=True)
    organizationPreferences = serializers.DictField()
    memberOfOrganizations = MemberShape(many=True)
    contributorOfOrganizations = MemberShape(many=True)


class ClientShape(serializers.Serializer[Any]):
    client_id = serializers.CharField()
    name = serializers.CharField()
    org_id = serializers.UUIDField()


class MeAnswer(serializers.Serializer[Any]):
    user = UserShape()
    client = ClientShape(required=False)
