"""What many APIs would run once they are deployed, looked at before where changes are reviewed."""

import re
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import QueryDict

from apis.bulk.models import BulkChange
from apis.changes import review
from apis.deployment.diff import NOTHING, Difference
from apis.models import ApiInstance
from apis.revisions import export, rows
from apis.views.comment import comment_field
from console.forms.schema_form import Field

MOST = 100
"""APIs that one person looks at together."""
_SEEN = re.compile(r"seen-([0-9]{1,18})")


@dataclass(frozen=True)
class Reviewed:
    """An API, what changes of what runs, and the word for what was seen."""

    api: ApiInstance
    difference: Difference
    seen: str


def is_reviewed(change: BulkChange) -> bool:
    return change.action == BulkChange.Action.DEPLOY and not change.environment.deploys_on_save


def reviewed(change: BulkChange) -> list[Reviewed]:
    """Of those that something is to be deployed of, in as many queries however many they are."""
    apis = list(_waiting(change)[:MOST])
    saved = rows.contents([api.pk for api in apis])
    runs = {api.pk: api.revision.content for api in apis if api.is_deployed and api.revision}
    contexts = export.contexts(*saved.values(), *runs.values())
    return [
        Reviewed(
            api,
            Difference(runs.get(api.pk, NOTHING), saved[api.pk], contexts),
            review.token(api, saved[api.pk]),
        )
        for api in apis
        if api.pk in saved
    ]


def check(change: BulkChange) -> None:
    """Raises ValidationError where they are more than can be looked at."""
    if _waiting(change).count() > MOST:
        text = f"In {change.environment} changes are reviewed before they are deployed, {MOST} APIs at most."
        raise ValidationError({"": [f"{text} Choose fewer."]})


def values(data: QueryDict) -> dict[str, Any]:
    """What was seen of each, and why they are deployed."""
    seen = {found[1]: data[name][:100] for name in data if (found := _SEEN.fullmatch(name))}
    return {"seen": seen, "comment": data.get("comment", "").strip()}


def fields(sent: dict[str, Any], errors: dict[str, list[str]]) -> list[Field]:
    about = "Kept with each deployment: why, for whom, which ticket."
    return [comment_field(sent.get("comment", ""), "Comment", about, errors.get("comment", ()))]


def _waiting(change: BulkChange) -> Any:
    found = ApiInstance.objects.filter(environment=change.environment, pk__in=change.items.values("api_key"))
    waits = Q(is_deployed=False) | Q(pending_since__isnull=False)
    named = ("asset", "gateway", "environment__organization", "revision")
    return found.filter(waits).select_related(*named).order_by("pk")
