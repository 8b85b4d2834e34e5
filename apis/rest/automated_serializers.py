"""Bodies that the automated policies part of the REST interface takes and gives."""

from typing import Any

from rest_framework import serializers as s

from apis.automated.coverage import Coverage
from apis.automated.models import AutomatedPolicy
from apis.changes import automated as change
from apis.changes import automated_check
from apis.rest.answers import dates
from apis.rest.policy_serializers import ConditionBody, conditions_field, implementation
from apis.rest.strict import ForgivingSerializer, StrictSerializer, names_of
from console.rest.fields import Limit, Offset, OneLine, TextOrNull, fixed, list_or_null, made
from policies.policy import CATALOG_GROUP

WHICH = "What is given must hold, nothing given is every API of the environment."


class RangeBody(s.Serializer[Any]):
    """Of runtimes of Mule, which are no gateways here."""

    to = s.CharField(required=False, allow_null=True, max_length=40)


RangeBody._declared_fields["from"] = s.CharField(required=False, allow_null=True, max_length=40)


class RuleBody(StrictSerializer):
    __doc__ = WHICH
    also_known = ("organizationId",)

    environmentId = s.UUIDField()
    range = RangeBody(required=False, allow_null=True, help_text="Taken, and warned of: see the guide.")
    tags = s.ListField(
        child=s.CharField(max_length=automated_check.LONGEST_TAG),
        required=False,
        max_length=automated_check.MOST_TAGS,
        help_text="The API has one of them.",
    )
    gatewayIds = s.ListField(
        child=s.UUIDField(), required=False, max_length=1000, help_text="The API is on one of them."
    )
    names = s.CharField(
        required=False,
        allow_blank=True,
        allow_null=True,
        max_length=automated_check.LONGEST_NAMES,
        help_text="The API's name, or its instance label, is like this.",
    )
    namesAre = s.ChoiceField(AutomatedPolicy.Names.choices, required=False)


def _rule(policy: AutomatedPolicy) -> dict[str, Any]:
    return {
        "organizationId": str(policy.environment.organization_id),
        "environmentId": str(policy.environment_id),
        "range": {"from": None, "to": None},
        "tags": list(policy.tags),
        "gatewayIds": [str(pk) for pk in policy.gateways],
        "names": policy.names or None,
        "namesAre": policy.names_are,
    }


class AutomatedShape(s.Serializer[Any]):
    """Secrets are never part of `configurationData`; sending it back without them keeps them."""

    audit = made(s.DictField, dates)
    masterOrganizationId = s.UUIDField(source="environment.organization.root_id")
    organizationId = s.UUIDField(source="environment.organization_id")
    id = s.IntegerField(source="pk")
    policyTemplateId = s.CharField(source="policy")
    groupId = fixed(s.CharField, CATALOG_GROUP)
    assetId = s.CharField(source="policy")
    assetVersion = s.CharField(source="policy_version")
    configurationData = s.DictField(source="config")
    pointcutData = conditions_field(s.ListSerializer)
    ruleOfApplication = made(s.DictField, _rule)
    policySetId = s.IntegerField(
        source="policy_set_id", allow_null=True, help_text="It covers the APIs that have this set."
    )
    conflicts = s.ChoiceField(AutomatedPolicy.Conflicts.choices)
    order = s.IntegerField()
    disabled = s.BooleanField(source="is_disabled")
    mode = s.ChoiceField(AutomatedPolicy.Mode.choices)
    label = TextOrNull()
    implementationAsset = made(s.DictField, implementation)


class AutomatedPatch(ForgivingSerializer):
    """Every field may be left out; of a rule of application what is left out stays."""

    also_known = names_of(AutomatedShape)

    ruleOfApplication = RuleBody(required=False)
    configurationData = s.DictField(required=False, allow_null=True)
    pointcutData = list_or_null(ConditionBody(), required=False)
    disabled = s.BooleanField(required=False)
    mode = s.ChoiceField(AutomatedPolicy.Mode.choices, required=False)
    conflicts = s.ChoiceField(
        AutomatedPolicy.Conflicts.choices,
        required=False,
        help_text="Where an API has the policy of its own. wins: that one rests meanwhile.",
    )
    label = OneLine(required=False, allow_null=True, allow_blank=True, max_length=255)
    order = s.IntegerField(required=False, allow_null=True, min_value=1, max_value=change.MOST)
    assetVersion = s.CharField(required=False, allow_null=True, max_length=40)


class NewBody(AutomatedPatch):
    """`assetId` or `policyTemplateId` names the policy."""

    policyTemplateId = s.CharField(required=False, allow_null=True, help_text="Instead of assetId.")
    groupId = s.UUIDField(required=False, allow_null=True)
    assetId = s.CharField(required=False, allow_null=True)


class AutomatedBody(NewBody):
    ruleOfApplication = RuleBody()


class AutomatedList(s.Serializer[Any]):
    automatedPolicies = AutomatedShape(many=True)
    total = s.IntegerField()


class AutomatedQuery(s.Serializer[Any]):
    environmentId = s.UUIDField(required=False, help_text="Of this environment alone.")


class CoverageQuery(s.Serializer[Any]):
    covered = s.BooleanField(required=False, allow_null=True, default=None)
    limit = Limit(1000, default=100)
    offset = Offset()


def _coverage(one: Coverage) -> dict[str, Any]:
    return {"covered": one.is_covered, "reason": one.miss or one.note or None}


class CoverageShape(s.Serializer[Any]):
    id = s.IntegerField(source="api.pk")
    assetId = s.CharField(source="api.asset_id")
    assetVersion = s.CharField(source="api.asset_version")
    exchangeAssetName = s.CharField(source="api.name")
    instanceLabel = TextOrNull(source="api.label")
    deployed = s.BooleanField(source="api.is_deployed")
    gatewayId = s.UUIDField(source="api.gateway_id", allow_null=True)
    coverage = made(s.DictField, _coverage)
    hasItsOwn = s.BooleanField(source="has_own")


class CoverageList(s.Serializer[Any]):
    apis = CoverageShape(many=True)
    total = s.IntegerField()


class ImplementationList(s.Serializer[Any]):
    implementationAssets = s.ListField(child=s.DictField())
    total = s.IntegerField()
