"""SLA tiers, contracts and client applications as clients of Anypoint send and read them."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers as s

from apis.contracts.models import Application, Contract, Tier
from apis.contracts.terms import Terms
from apis.rest.answers import dates
from apis.rest.strict import ForgivingSerializer, StrictSerializer, names_of
from apis.rules import applications as rules
from apis.rules.tiers import LONGEST_DESCRIPTION, LONGEST_NAME, LONGEST_PERIOD_MS, MOST_REQUESTS
from console.grants import Held
from console.models import User
from console.permissions import Permission
from console.rest.fields import Limit, Moment, Offset, OneOf, TextOrNull, fixed, made
from console.teams.models import Team

MOST_ROWS, MOST_SECONDS = 1000, 90 * 24 * 3600
Shape = dict[str, Any]
NOTHING = Held()


class LimitShape(ForgivingSerializer):
    visible = s.BooleanField(default=True)
    maximumRequests = s.IntegerField(min_value=1, max_value=MOST_REQUESTS)
    timePeriodInMilliseconds = s.IntegerField(min_value=1, max_value=LONGEST_PERIOD_MS)


class SortedPageQuery(s.Serializer[Any]):
    """Clients that copy or compare name no limit, and want all."""

    query = s.CharField(required=False, allow_blank=True, max_length=255, help_text="A part of the name.")
    limit = Limit(MOST_ROWS)
    offset = Offset()
    sort = OneOf(["id", "name", "status", "createdDate"], default="id")
    ascending = s.BooleanField(default=True)


class ContractQuery(SortedPageQuery):
    coreServicesId = s.CharField(required=False, max_length=64, help_text="A client id.")
    status = OneOf(Contract.Status.values, required=False)
    applicationId = s.IntegerField(required=False, min_value=1, max_value=2**63 - 1)


class TierShape(s.Serializer[Any]):
    # Of a tier whose API and environment are at hand, with `application_count`.
    audit = made(s.DictField, dates)
    id = s.IntegerField(source="pk")
    masterOrganizationId = s.UUIDField(source="api.environment.organization.root_id")
    organizationId = s.UUIDField(source="api.environment.organization_id")
    environmentId = s.UUIDField(source="api.environment_id")
    apiId = s.IntegerField(source="api_id")
    apiVersionId = made(s.CharField, lambda tier: str(tier.api_id))
    name = s.CharField()
    description = s.CharField()
    status = s.CharField()
    autoApprove = s.BooleanField(source="approves_by_itself")
    limits = LimitShape(many=True)
    applicationCount = s.IntegerField(source="application_count")


class TierBody(ForgivingSerializer):
    also_known = names_of(TierShape)

    name = s.CharField(max_length=LONGEST_NAME)
    description = s.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=LONGEST_DESCRIPTION
    )
    autoApprove = s.BooleanField(required=False)
    status = OneOf(Tier.Status.values, required=False)
    limits = LimitShape(many=True, allow_empty=False)


@extend_schema_serializer(many=False)
class TierList(s.Serializer[Any]):
    total = s.IntegerField()
    tiers = TierShape(many=True)


class BriefTier(s.Serializer[Any]):
    id = s.IntegerField(source="pk")
    name = s.CharField()
    description = s.CharField()
    status = s.CharField()
    autoApprove = s.BooleanField(source="approves_by_itself")
    limits = LimitShape(many=True)


class AccessInfo(ForgivingSerializer):
    reason = s.CharField(
        required=False, allow_blank=True, allow_null=True, max_length=Contract.LONGEST_REASON
    )


class TermsBody(StrictSerializer):
    text = s.CharField(
        allow_blank=True, max_length=Terms.LONGEST, help_text="Empty: none, or those of the environment."
    )


class TermsShape(s.Serializer[Any]):
    """The newest version of a text. `version` is 0 where none was ever written."""

    version = s.IntegerField()
    text = s.CharField()
    createdDate = Moment(source="created_at", allow_null=True)


class VisibilityShape(StrictSerializer):
    hiddenFromConsumers = s.BooleanField(
        help_text="Whether who has no role there neither finds the API nor asks for access."
    )


class BriefApplication(s.Serializer[Any]):
    id = s.IntegerField(source="pk")
    name = s.CharField()
    description = s.CharField()
    url = s.CharField()
    coreServicesId = s.CharField(source="client_id")
    clientId = s.CharField(source="client_id")
    redirectUri = s.ListField(source="redirect_uris", child=s.CharField())
    grantTypes = s.ListField(source="grant_types", child=s.CharField())


class ContractShape(s.Serializer[Any]):
    # Of a contract whose application, tiers, API and environment are at hand. `held` in the context is what
    # the caller was granted: hidden limits are told to who views the API's contracts, and to no consumer.
    audit = made(s.DictField, dates)
    id = s.IntegerField(source="pk")
    status = s.CharField()
    approvedDate = Moment(source="approved_at", allow_null=True)
    rejectedDate = Moment(source="rejected_at", allow_null=True)
    revokedDate = Moment(source="revoked_at", allow_null=True)
    expiresAt = Moment(source="expires_at", allow_null=True)
    condition = fixed(s.CharField, "APPLIED")
    applicationId = s.IntegerField(source="application_id")
    application = BriefApplication()
    tierId = s.IntegerField(source="tier_id", allow_null=True)
    tier = BriefTier(allow_null=True)
    requestedTierId = s.IntegerField(source="requested_tier_id", allow_null=True)
    requestedTier = BriefTier(source="requested_tier", allow_null=True)
    requestAccessInfo = made(s.DictField, lambda row: {"reason": row.reason})
    answer = s.CharField()
    acceptedTerms = s.BooleanField(source="accepted_terms")
    terms = made(TextOrNull, lambda row: row.terms.text if row.terms else None)
    termsVersion = made(s.IntegerField, lambda row: row.terms.version if row.terms else None, allow_null=True)
    acceptedTermsDate = Moment(source="accepted_at", allow_null=True)
    partyId = fixed(s.CharField, None, allow_null=True)
    partyName = fixed(s.CharField, None, allow_null=True)
    groupInstanceId = fixed(s.IntegerField, None, allow_null=True)
    apiId = s.IntegerField(source="api_id")
    api = made(s.DictField, lambda row: {"id": row.api_id, "environmentId": str(row.api.environment_id)})
    organizationId = s.UUIDField(source="api.environment.organization_id")
    masterOrganizationId = s.UUIDField(source="api.environment.organization.root_id")
    environmentId = s.UUIDField(source="api.environment_id")

    def to_representation(self, instance: Contract) -> Shape:
        told: Shape = super().to_representation(instance)
        held, environment = self.context.get("held", NOTHING), instance.api.environment
        may = held.on_api(instance.api_id, environment.pk, environment.organization.path)
        if Permission.VIEW_CONTRACTS not in may:
            for name in ("tier", "requestedTier"):
                if told[name]:
                    told[name]["limits"] = [one for one in told[name]["limits"] if one["visible"]]
        return told


class ContractBody(ForgivingSerializer):
    also_known = names_of(ContractShape)

    applicationId = s.IntegerField(min_value=1, max_value=2**63 - 1)
    requestedTierId = s.IntegerField(required=False, allow_null=True, min_value=1, max_value=2**63 - 1)
    tierId = s.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="The same, as anypoint-sdk calls it."
    )
    requestAccessInfo = AccessInfo(required=False, allow_null=True)
    acceptedTerms = s.BooleanField(default=False)
    expiresAt = s.DateTimeField(required=False, allow_null=True)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        named = given.setdefault("requestedTierId", given.get("tierId"))
        if given.get("tierId") not in (None, named):
            raise s.ValidationError({"tierId": ["requestedTierId names another tier; leave one out."]})
        return given


class ApplicationsContractBody(ContractBody):
    applicationId = None  # type: ignore[assignment]  # the address says it
    apiId = s.IntegerField(min_value=1, max_value=2**63 - 1)
    environmentId = s.UUIDField(required=False, allow_null=True)


class ContractPatch(ForgivingSerializer):
    also_known = names_of(ContractShape)

    status = OneOf([one for one in Contract.Status.values if one != "PENDING"], required=False)
    tierId = s.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    requestedTierId = s.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**63 - 1, help_text="null: none any more."
    )
    expiresAt = s.DateTimeField(required=False, allow_null=True, help_text="null: never.")
    answer = s.CharField(required=False, allow_blank=True, max_length=Contract.LONGEST_REASON)


class DecisionBody(ForgivingSerializer):
    also_known = names_of(ContractShape)

    answer = s.CharField(required=False, allow_blank=True, max_length=Contract.LONGEST_REASON)
    tierId = s.IntegerField(required=False, allow_null=True, min_value=1, max_value=2**63 - 1)


@extend_schema_serializer(many=False)
class ContractList(s.Serializer[Any]):
    total = s.IntegerField()
    contracts = ContractShape(many=True)


class OwnerRef(s.Serializer[Any]):
    id = s.UUIDField()


class TeamRef(s.Serializer[Any]):
    id = s.IntegerField(min_value=1, max_value=2**63 - 1)


class SecretAnswer(s.Serializer[Any]):
    clientId = s.CharField()
    clientSecret = s.CharField(help_text="Told in this answer alone.")


def _owner(user: User) -> Shape:
    names = {"username": user.get_username(), "firstName": user.first_name, "lastName": user.last_name}
    return {"id": str(user.pk), **names, "email": user.email, "entityType": "USER"}


def _team(team: Team) -> Shape:
    return {"id": team.pk, "name": team.name, "organizationId": str(team.organization_id)}


class ApplicationShape(BriefApplication):
    # Of an application whose organization and owners are at hand; `secret` in the context of a new one.
    audit = made(s.DictField, dates)
    organizationId = s.UUIDField(source="organization_id")
    masterOrganizationId = s.UUIDField(source="organization.root_id")
    owners = made(s.ListField, lambda row: [_owner(one) for one in row.owners.all()], child=s.DictField())
    ownerTeams = made(s.ListField, lambda row: [_team(one) for one in row.teams.all()], child=s.DictField())
    owner = made(s.CharField, lambda row: ", ".join(row.owner_names))
    clientProvider = fixed(s.DictField, {"providerId": None})
    apiEndpoints = fixed(s.BooleanField, False)
    expiresAt = Moment(source="expires_at", allow_null=True)

    def to_representation(self, instance: Application) -> Shape:
        told: Shape = super().to_representation(instance)
        secret = self.context.get("secret")
        return told | {"clientSecret": secret} if secret else told


class ApplicationBody(ForgivingSerializer):
    also_known = (*names_of(ApplicationShape), "clientSecret")

    name = s.CharField(max_length=rules.LONGEST_NAME)
    description = s.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=rules.LONGEST_DESCRIPTION
    )
    url = s.CharField(required=False, allow_null=True, allow_blank=True, max_length=rules.LONGEST_URL)
    redirectUri = s.ListField(
        required=False, child=s.CharField(max_length=rules.LONGEST_URL), max_length=rules.MOST_REDIRECTS
    )
    grantTypes = s.ListField(required=False, child=s.CharField(max_length=40), max_length=20)
    owners = s.ListField(child=OwnerRef(), required=False, max_length=rules.MOST_OWNERS)
    ownerTeams = s.ListField(
        child=TeamRef(),
        required=False,
        max_length=rules.MOST_TEAMS,
        help_text="Teams whose members own it, too, as long as they are members.",
    )
    expiresAt = s.DateTimeField(required=False, allow_null=True)


class SecretBody(ForgivingSerializer):
    overlapSeconds = s.IntegerField(
        default=0, min_value=0, max_value=MOST_SECONDS, help_text="For so long the secret before works on."
    )


@extend_schema_serializer(many=False)
class ApplicationList(s.Serializer[Any]):
    total = s.IntegerField()
    applications = ApplicationShape(many=True)
