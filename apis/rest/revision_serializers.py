"""Bodies and answers of REST about what was deployed of an API, and the way back."""

from typing import Any

from rest_framework import serializers as s

from apis.changes.review import MOST_COMMENT
from apis.deployment.kept import KeptRevision
from apis.rest.strict import StrictSerializer
from console.rest.fields import Moment, made


class CompareQuery(s.Serializer[Any]):
    """`from` is a word of Python: the view adds it."""

    to = s.CharField(default="running", max_length=64)


class RollbackBody(StrictSerializer):
    comment = s.CharField(required=False, default="", allow_blank=True, max_length=MOST_COMMENT)
    discard = s.BooleanField(
        required=False, default=False, help_text="Whether what is saved becomes what runs, too."
    )


class RevisionShape(s.Serializer[Any]):
    id = made(s.CharField, lambda kept: kept.revision.short_id)
    digest = made(s.CharField, lambda kept: kept.revision.digest)
    isRunning = s.BooleanField(source="is_running", help_text="Whether the gateway is to run it now.")
    deployedAt = Moment(source="at", allow_null=True, help_text="When it was deployed last.")
    deployedBy = s.CharField(source="by")
    address = made(
        s.CharField,
        lambda kept: f"{kept.revision.protocol}://0.0.0.0:{kept.revision.port}{kept.revision.base_path}",
    )


class RevisionList(s.Serializer[Any]):
    total = s.IntegerField()
    limit = s.IntegerField()
    offset = s.IntegerField()
    revisions = RevisionShape(many=True)


class WholeRevision(RevisionShape):
    yaml = s.CharField(help_text="As files of Local Mode, each secret a variable.")


class LineShape(s.Serializer[Any]):
    label = s.CharField()
    before = s.CharField()
    after = s.CharField()
    kind = s.ChoiceField(["changed", "added", "removed", "is"])


class ComparisonShape(s.Serializer[Any]):
    differences = LineShape(many=True, source="lines")
    yaml = made(
        s.CharField, lambda difference: "\n".join(difference.yaml), help_text="Lines with + and -, one text."
    )


class OutcomeShape(s.Serializer[Any]):
    replica = s.CharField()
    state = s.ChoiceField(["applied", "refused", "waiting", "silent"])
    reason = s.CharField()
    durationMs = s.IntegerField(source="duration_ms", allow_null=True)
    at = Moment(allow_null=True)


class BroughtShape(s.Serializer[Any]):
    # Of a pair: what a deployment brought, and what became of it.
    id = made(s.IntegerField, lambda told: told[0].deployment.pk)
    generation = made(s.IntegerField, lambda told: told[0].deployment.generation)
    targetId = made(s.UUIDField, lambda told: told[0].deployment.gateway_id)
    targetName = made(s.CharField, lambda told: told[0].deployment.gateway.name)
    revision = made(
        s.CharField,
        lambda told: told[0].revision.short_id if told[0].revision else None,
        allow_null=True,
        help_text="null: it was taken off, or the revision is no longer kept.",
    )
    savedAt = made(Moment, lambda told: told[0].at)
    by = made(s.ListField, lambda told: told[0].actors, child=s.CharField())
    comment = made(s.CharField, lambda told: told[0].comment)
    changes = made(s.ListField, lambda told: told[0].sentences, child=s.CharField())
    differences = made(
        s.ListField, lambda told: LineShape(told[0].lines, many=True).data, child=s.DictField()
    )
    replicas = made(
        s.ListField, lambda told: OutcomeShape(told[1].replicas, many=True).data, child=s.DictField()
    )


class BroughtList(s.Serializer[Any]):
    total = s.IntegerField()
    limit = s.IntegerField()
    offset = s.IntegerField()
    deployments = BroughtShape(many=True)


def whole(kept: KeptRevision, yaml: str) -> dict[str, Any]:
    return {**RevisionShape(kept).data, "yaml": yaml}
