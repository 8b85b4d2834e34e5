"""Bodies and answers of REST about many APIs that are changed at once."""

from typing import Any

from rest_framework import serializers as s

from apis.bulk import reviewing
from apis.bulk.actions import ACTIONS, MOST_TAGS
from apis.bulk.models import MOST_APIS, BulkChange, BulkItem
from apis.changes.review import MOST_COMMENT
from apis.models import PolicyBinding
from apis.rest.policy_serializers import ConditionBody
from apis.rest.search_serializers import SearchFields
from apis.rest.serializers import PageQuery
from apis.rest.strict import StrictSerializer
from console.rest.fields import Moment, OneLine, OneOf, list_or_null

NAMES = [name for name in ACTIONS if name != BulkChange.Action.PROMOTE]
OF_ACTION = {
    "tags": (BulkChange.Action.TAG, BulkChange.Action.UNTAG),
    "policy": (BulkChange.Action.POLICY,),
    "gatewayId": (BulkChange.Action.DEPLOY,),
    "comment": (BulkChange.Action.DEPLOY,),
    "seen": (BulkChange.Action.DEPLOY,),
    "confirm": (BulkChange.Action.DELETE,),
}
"""Which fields are of which actions alone."""


class BulkSearch(SearchFields, StrictSerializer):
    """As the list of APIs has it; {} is every API of the environment."""


class BulkPolicy(StrictSerializer):
    assetId = s.CharField(max_length=120)
    configurationData = s.DictField(required=False, default=dict)
    pointcutData = list_or_null(ConditionBody(), required=False)
    label = OneLine(required=False, allow_blank=True, default="", max_length=255)
    mode = s.ChoiceField(PolicyBinding.Mode.choices, default=PolicyBinding.Mode.ENFORCE)


class BulkBody(StrictSerializer):
    """Of `apiIds` and `search` one; the others as the action needs them."""

    action = OneOf(NAMES)
    apiIds = s.ListField(
        child=s.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        allow_empty=False,
        max_length=MOST_APIS,
    )
    search = BulkSearch(required=False)
    tags = s.ListField(child=s.CharField(max_length=60), required=False, max_length=MOST_TAGS)
    policy = BulkPolicy(required=False, help_text="That is applied to each that does not have it.")
    gatewayId = s.UUIDField(required=False, allow_null=True, help_text="For APIs that have none.")
    comment = s.CharField(required=False, allow_blank=True, max_length=MOST_COMMENT)
    seen = s.DictField(
        child=s.CharField(max_length=100),
        required=False,
        help_text="By the API's id the ETag of what is pending of it: where changes are reviewed, what is "
        f"deployed has been looked at, {reviewing.MOST} APIs at most.",
    )
    confirm = s.CharField(
        required=False, max_length=40, help_text="To delete 3 APIs: delete 3. Else nothing is deleted."
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if ("apiIds" in given) == ("search" in given):
            raise s.ValidationError({"apiIds": ["Say which APIs: by apiIds, or else by search."]})
        if "search" in given and given["action"] == BulkChange.Action.RESTORE:
            raise s.ValidationError({"search": ["No search finds what was deleted: name it by apiIds."]})
        for name, actions in OF_ACTION.items():
            if name in given and given["action"] not in actions:
                text = f"It says nothing where the action is {given['action']}; leave it out."
                raise s.ValidationError({name: [text]})
        return given

    def validate_seen(self, given: dict[str, str]) -> dict[str, str]:
        if len(given) > reviewing.MOST:
            raise s.ValidationError(f"At most {reviewing.MOST} APIs are deployed so at once.")
        return given


class BulkQuery(PageQuery):
    action = OneOf(NAMES, required=False)


class ItemQuery(PageQuery):
    state = OneOf(BulkItem.State.values, required=False)


class ItemShape(s.Serializer[Any]):
    apiId = s.IntegerField(source="api_key")
    name = s.CharField()
    state = s.ChoiceField(BulkItem.State.choices)
    message = s.CharField(source="words", help_text="What was done, or why not.")


class ItemList(s.Serializer[Any]):
    total = s.IntegerField()
    limit = s.IntegerField()
    offset = s.IntegerField()
    apis = ItemShape(many=True)


class StateCounts(s.DictField):
    """How many APIs are in each state, and in all."""

    child = s.IntegerField()

    def get_attribute(self, instance: BulkChange) -> dict[str, int]:
        none = dict.fromkeys(("total", *BulkItem.State.values), 0)
        found: dict[str, int] = self.context["totals"].get(instance.pk, none)
        return found


class BulkShape(s.Serializer[Any]):
    """What the action was given is told in words, without secrets."""

    id = s.UUIDField()
    action = s.ChoiceField(BulkChange.Action.choices)
    told = s.CharField()
    state = s.ChoiceField(BulkChange.State.choices)
    by = s.CharField(source="by.username")
    begunAt = Moment(source="begun_at", allow_null=True)
    endedAt = Moment(source="ended_at", allow_null=True)
    fault = s.CharField(help_text="Why it ended before its time; the APIs have each their own.")
    counts = StateCounts()
    repeatable = s.BooleanField(
        source="is_repeatable",
        help_text="Whether what it needs is still kept: those that failed can be tried again.",
    )


class BulkList(s.Serializer[Any]):
    total = s.IntegerField()
    limit = s.IntegerField()
    offset = s.IntegerField()
    bulkChanges = BulkShape(many=True)
