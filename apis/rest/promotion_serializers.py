"""Bodies of promotions of many APIs, and how one goes."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers as s

from apis.bulk import promoting as many
from apis.bulk.models import BulkChange, BulkItem, Plan
from apis.rest.serializers import DeploymentBody, PromoteBody, UpstreamEdit
from apis.rest.strict import StrictSerializer


class _Endpoint(StrictSerializer):
    proxyUri = s.CharField(required=False, max_length=512, help_text="http(s)://0.0.0.0:PORT/BASE-PATH")


class PromotedApi(StrictSerializer):
    """In the shape of the promotion of one: what is not named is as it was promoted before, else as here."""

    promote = PromoteBody()
    instanceLabel = s.CharField(required=False, allow_blank=True, max_length=255)
    endpoint = _Endpoint(required=False)
    upstreams = UpstreamEdit(
        many=True, required=False, help_text="The origin's, by their ids: their URIs here."
    )
    deployment = DeploymentBody(required=False)


class PromotionsBody(StrictSerializer):
    apis = s.ListField(child=PromotedApi(), min_length=1, max_length=many.MOST_APIS)
    takesUnknown = s.BooleanField(
        default=False,
        help_text="Whether upstreams and hosts of which nobody told what they are here are as in the origin. "
        "Else the API needs an answer.",
    )
    start = s.BooleanField(
        default=False, help_text="Begin by itself with those that are ready, when all were looked at."
    )
    deploy = s.BooleanField(default=False, help_text="Whether new ones are deployed, with start.")


class StartBody(StrictSerializer):
    deploy = s.BooleanField(default=False, help_text="Whether new ones are deployed.")


class PlannedShape(s.Serializer[Any]):
    """`plan` is untried, ready, asks, same or left; `state` waiting, done, unchanged, failed or left."""

    originApiId = s.IntegerField()
    name = s.CharField()
    plan = s.ChoiceField(Plan.State.choices)
    state = s.ChoiceField(BulkItem.State.choices)
    words = s.CharField(help_text="What it needs, or what it becomes; then what was done, or why not.")
    changes = s.IntegerField(help_text="Lines of the difference.")
    id = s.IntegerField(allow_null=True, help_text="What was made or brought up to date.")


class PromotionsShape(s.Serializer[Any]):
    """`state` is asked until it begins; then waiting, running, stopped or done."""

    id = s.UUIDField()
    state = s.ChoiceField(BulkChange.State.choices)
    isLookedAt = s.BooleanField()
    fault = s.CharField()
    apis = PlannedShape(many=True)


def shape(change: BulkChange) -> dict[str, Any]:
    plans = Plan.objects.filter(item__change=change).select_related("item").defer("given", "chosen")
    rows = list(plans.order_by("item"))
    is_begun = change.state != BulkChange.State.ASKED
    told = {
        "id": change.pk,
        "state": change.state,
        "isLookedAt": all(one.state != Plan.State.UNTRIED for one in rows),
        "fault": change.fault,
        "apis": [_planned(one, is_begun) for one in rows],
    }
    return dict(PromotionsShape(told).data)


def _planned(one: Plan, is_begun: bool) -> Mapping[str, Any]:
    return {
        "originApiId": one.item.api_key,
        "name": one.item.name,
        "plan": one.state,
        "state": one.item.state,
        "words": one.item.words if is_begun and one.item.words else one.words,
        "changes": one.changes,
        "id": one.made_id,
    }
