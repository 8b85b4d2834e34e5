"""Bodies that the policies part of the REST interface takes and gives."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers as s

from apis.models import PolicyBinding
from apis.rest.answers import dates
from apis.rest.strict import ForgivingSerializer, StrictSerializer, names_of
from console.rest.fields import OneLine, OneOf, TextOrNull, fixed, list_or_null, made
from policies import catalog
from policies.policy import CATALOG_GROUP


class ConditionBody(StrictSerializer):
    methodRegex = s.CharField(required=False, allow_blank=True, allow_null=True)
    uriTemplateRegex = s.CharField(required=False, allow_blank=True, allow_null=True)


class KeptEntries(s.ListSerializer[Any]):
    """Entries as they are kept: what they leave out is not there."""

    def to_representation(self, data: Any) -> Any:
        return data


def conditions_field(kind: type[s.ListSerializer[Any]]) -> s.ListSerializer[Any]:
    return made(kind, lambda binding: binding.conditions or None, child=ConditionBody(), allow_null=True)


def _order(binding: PolicyBinding) -> int | None:
    """None of an outbound one: it has no order."""
    return None if binding.is_outbound else binding.order


def _template(binding: PolicyBinding) -> dict[str, str]:
    return {"groupId": CATALOG_GROUP, "assetId": binding.policy, "assetVersion": binding.policy_version}


def implementation(binding: Any) -> dict[str, str]:
    """Its version is the catalog's own, whichever was asked for."""
    try:
        version = binding.template.version
    except catalog.UnknownPolicy:
        version = binding.policy_version
    return {
        "assetId": f"{binding.policy}-flex",
        "groupId": CATALOG_GROUP,
        "version": version,
        "technology": "flexGateway",
        "minRuntimeVersion": "1.0.0",
    }


class PolicyShape(s.Serializer[Any]):
    """Secrets are never part of `configurationData`; sending it back without them keeps them."""

    audit = made(s.DictField, dates)
    masterOrganizationId = s.UUIDField(source="api.environment.organization.root_id")
    organizationId = s.UUIDField(source="api.environment.organization_id")
    id = s.IntegerField(source="pk")
    policyTemplateId = s.CharField(source="policy")
    configurationData = s.DictField(source="config")
    order = made(s.IntegerField, _order, allow_null=True)
    disabled = s.BooleanField(source="is_disabled")
    mode = s.ChoiceField(PolicyBinding.Mode.choices)
    pointcutData = conditions_field(s.ListSerializer)
    groupId = fixed(s.CharField, CATALOG_GROUP)
    assetId = s.CharField(source="policy")
    assetVersion = s.CharField(source="policy_version")
    implementationAsset = made(s.DictField, implementation)
    type = fixed(s.CharField, "system")
    apiId = s.IntegerField(source="api_id")
    label = TextOrNull()
    upstreamIds = s.ListField(child=s.CharField(), source="upstreams")


class ActivePolicyShape(s.Serializer[Any]):
    """The form in which gateways and the SDK read the list."""

    policyId = s.IntegerField(source="pk")
    policyTemplateId = s.CharField(source="policy")
    type = fixed(s.CharField, "system")
    version = made(s.FloatField, lambda binding: binding.updated_at.timestamp())
    order = made(s.IntegerField, _order, allow_null=True)
    pointcutData = conditions_field(KeptEntries)
    configuration = s.DictField(source="config")
    template = made(s.DictField, _template)
    implementationAsset = made(s.DictField, implementation)
    upstreamIds = s.ListField(child=s.CharField(), source="upstreams")


class PolicyPatch(ForgivingSerializer):
    """Every field may be left out."""

    also_known = names_of(PolicyShape, ActivePolicyShape)

    configurationData = s.DictField(required=False, allow_null=True)
    pointcutData = list_or_null(ConditionBody(), required=False)
    disabled = s.BooleanField(required=False)
    mode = s.ChoiceField(
        PolicyBinding.Mode.choices,
        required=False,
        help_text="observe: it refuses nothing, and analytics tells what it would have refused.",
    )
    label = OneLine(required=False, allow_null=True, allow_blank=True, max_length=255)
    order = s.IntegerField(required=False, allow_null=True, min_value=1, max_value=32767)
    assetVersion = s.CharField(required=False, allow_null=True, max_length=40)
    upstreamId = s.UUIDField(required=False, allow_null=True, help_text="Instead of upstreamIds.")
    upstreamIds = s.ListField(
        child=s.UUIDField(),
        required=False,
        allow_null=True,
        max_length=100,
        help_text="Of an outbound policy: the upstreams that it acts on.",
    )


class PolicyBody(PolicyPatch):
    """`assetId` or `policyTemplateId` names the policy, `configurationData` is what its template asks for."""

    policyTemplateId = s.CharField(required=False, allow_null=True, help_text="Instead of assetId.")
    groupId = s.UUIDField(required=False, allow_null=True)
    assetId = s.CharField(required=False, allow_null=True)


class OrderEntry(ForgivingSerializer):
    also_known = names_of(PolicyShape, ActivePolicyShape)

    id = s.IntegerField()
    order = s.IntegerField()


class ActiveTierShape(s.Serializer[Any]):
    id = s.IntegerField(source="pk")
    limits = s.ListField(child=s.DictField())


class TiersShape(s.Serializer[Any]):
    values = ActiveTierShape(many=True, help_text="None for who may not see contracts.")
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
    injectionPoint = s.ChoiceField(
        ["inbound", "outbound"], help_text="outbound: it is applied to upstreams, which `upstreamIds` names."
    )
    documentation = s.CharField(help_text="Markdown.")
    configuration = s.ListField(child=s.DictField())


class ExchangeQuery(s.Serializer[Any]):
    latest = s.BooleanField(default=True, help_text="The catalog has one version of each, in any case.")
    injectionPoint = OneOf(["inbound", "outbound"], required=False, help_text="Of this side alone.")
    automatedOnly = s.BooleanField(default=False, help_text="Those that can be automated.")


class ExchangeTemplateShape(TemplateShape):
    assetVersion = s.CharField(help_text="The same as version.")
