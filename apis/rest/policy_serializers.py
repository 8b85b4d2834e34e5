"""Bodies that the policies part of the REST interface takes and gives."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers as s

from apis.rest.strict import StrictSerializer
from console.rest.fields import list_or_null


class ConditionBody(StrictSerializer):
    methodRegex = s.CharField(required=False, allow_blank=True, allow_null=True)
    uriTemplateRegex = s.CharField(required=False, allow_blank=True, allow_null=True)


class PolicyPatch(s.Serializer[Any]):
    """Every field may be left out."""

    configurationData = s.DictField(required=False, allow_null=True)
    pointcutData = list_or_null(ConditionBody(), required=False)
    disabled = s.BooleanField(required=False)
    label = s.CharField(required=False, allow_null=True, allow_blank=True, max_length=255)
    order = s.IntegerField(required=False, allow_null=True, min_value=1, max_value=32767)
    assetVersion = s.CharField(required=False, allow_null=True, max_length=40)


class PolicyBody(PolicyPatch):
    """`assetId` or `policyTemplateId` names the policy, `configurationData` is what its template asks for."""

    policyTemplateId = s.CharField(required=False, allow_null=True, help_text="Instead of assetId.")
    groupId = s.UUIDField(required=False, allow_null=True)
    assetId = s.CharField(required=False, allow_null=True)
    upstreamId = s.CharField(required=False, allow_null=True)
    upstreamIds = s.ListField(child=s.CharField(), required=False, allow_null=True)


class OrderEntry(s.Serializer[Any]):
    id = s.IntegerField()
    order = s.IntegerField()


class PolicyShape(s.Serializer[Any]):
    audit = s.DictField()
    masterOrganizationId = s.UUIDField()
    organizationId = s.UUIDField()
    id = s.IntegerField()
    policyTemplateId = s.CharField()
    configurationData = s.DictField()
    order = s.IntegerField()
    disabled = s.BooleanField()
    pointcutData = list_or_null(ConditionBody())
    groupId = s.CharField()
    assetId = s.CharField()
    assetVersion = s.CharField()
    implementationAsset = s.DictField()
    type = s.CharField()
    apiId = s.IntegerField()
    label = s.CharField(allow_null=True)
    upstreamIds = s.ListField(child=s.CharField())


class ActivePolicyShape(s.Serializer[Any]):
    policyId = s.IntegerField()
    policyTemplateId = s.CharField()
    type = s.CharField()
    version = s.FloatField()
    order = s.IntegerField()
    pointcutData = list_or_null(ConditionBody())
    configuration = s.DictField()
    template = s.DictField()
    implementationAsset = s.DictField()
    upstreamIds = s.ListField(child=s.CharField())


class TiersShape(s.Serializer[Any]):
    values = s.ListField(child=s.DictField())
    version = s.IntegerField()


@extend_schema_serializer(many=False)
class ActivePolicies(s.Serializer[Any]):
    policies = ActivePolicyShape(many=True)
    tiers = TiersShape()


class PolicyListQuery(s.Serializer[Any]):
    fullInfo = s.BooleanField(
        default=True, help_text="false: all, as an array; true: the enabled ones, in an object."
    )


class ApplyQuery(s.Serializer[Any]):
    allowDuplicated = s.BooleanField(default=False, help_text="Apply a policy that the API has already.")


class TemplateShape(s.Serializer[Any]):
    id = s.CharField()
    groupId = s.CharField()
    assetId = s.CharField()
    version = s.CharField()
    name = s.CharField()
    category = s.CharField()
    description = s.CharField()
    type = s.CharField()
    isOOTB = s.BooleanField()
    resourceLevelSupported = s.BooleanField()
    documentation = s.CharField(help_text="Markdown.")
    configuration = s.ListField(child=s.DictField())
