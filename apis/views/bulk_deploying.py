"""What many APIs would run once they are deployed, looked at before where changes are reviewed."""

import re
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from apis.bulk.models import BulkChange
from apis.bulk.reviewing import MOST, waiting
from apis.changes import review
from apis.deployment.diff import NOTHING, RevisionDifference
from apis.models import ApiInstance
from apis.revisions import export, rows
from apis.views.comment import comment_field
from console.forms.schema_form import Field

_SEEN = re.compile(r"seen-([0-9]{1,18})")


@dataclass(frozen=True)
class Reviewed:
    """An API, what changes of what runs, and the word for what was seen."""

    api: ApiInstance
    difference: RevisionDifference
    seen: str


def reviewed(change: BulkChange) -> list[Reviewed]:
    """Of those that something is to be deployed of, in as many queries however many they are."""
    apis = list(waiting(change)[:MOST])
    saved = rows.contents([api.pk for api in apis])
    runs = {api.pk: api.revision.content for api in apis if api.is_deployed and api.revision}
    contexts = export.contexts(*saved.values(), *runs.values())
    return [
        Reviewed(
            api,
            RevisionDifference(runs.get(api.pk, NOTHING), saved[api.pk], contexts),
            review.token(api, saved[api.pk]),
        )
        for api in apis
        if api.pk in saved
    ]


def values(data: QueryDict) -> dict[str, Any]:
    """What was seen of each, and why they are deployed."""
    seen = {found[1]: data[name][:100] for name in data if (found := _SEEN.fullmatch(name))}
    return {"seen": seen, "comment": data.get("comment", "").strip()}


def fields(sent: dict[str, Any], errors: dict[str, list[str]]) -> list[Field]:
    about = "Kept with each deployment: why, for whom, which ticket."
    return [comment_field(sent.get("comment", ""), "Comment", about, errors.get("comment", ()))]
