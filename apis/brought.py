"""Which deployments of its gateway brought a change of an API, and what that was."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet, Subquery

from apis.history import Told, told
from apis.models import ApiInstance, Brought
from apis.revision import Revision
from console.models import AuditEntry
from gateways.models import Deployment


@dataclass(frozen=True)
class Why:
    """What a deployment changed of an API: `changes` are empty where it was only deployed again.

    `revision` is what the gateway was to run from then on: None when it took the API off, and when that
    was so long ago that the revision is no longer kept.
    """

    deployment: Deployment
    changes: list[Told]
    revision: Revision | None = None

    @property
    def words(self) -> str:
        """Like "ann changed policy Rate Limiting", with the number of others."""
        if not self.changes:
            return "deployed again"
        first, more = self.changes[0], len(self.changes) - 1
        also = f" and {more} more change{'' if more == 1 else 's'}" if more else ""
        return f"{first.entry.actor_name} {first.sentence}{also}"


def deployments(api: ApiInstance) -> QuerySet[Deployment]:
    """Those of the API's gateway that brought a change of it, the newest first."""
    if api.gateway is None:
        return Deployment.objects.none()
    carried = _changes(api).annotate(deployment=Subquery(_carrying().values("pk")[:1]))
    return Deployment.objects.filter(pk__in=carried.values("deployment")).order_by("-generation")


def why(api: ApiInstance, found: Iterable[Deployment]) -> list[Why]:
    """The same deployments with what each changed of the API; several changes may have gone in one."""
    found = list(found)
    carried = _changes(api).annotate(carrier=Subquery(_carrying().values("generation")[:1]))
    rows = carried.filter(carrier__in=[one.generation for one in found]).order_by("pk")
    entries: dict[int, list[int]] = {}
    last: dict[int, int | None] = {}
    for generation, entry, revision in rows.values_list("carrier", "entry_id", "revision_id"):
        last[generation] = revision
        if entry:
            entries.setdefault(generation, []).append(entry)
    known = AuditEntry.objects.in_bulk([pk for pks in entries.values() for pk in pks])
    words = {one.entry.pk: one for one in told(known.values())}
    revisions = Revision.objects.without_text().in_bulk([pk for pk in last.values() if pk])
    return [
        Why(
            one,
            [words[pk] for pk in entries.get(one.generation, ()) if pk in words],
            revisions.get(last.get(one.generation) or 0),
        )
        for one in found
    ]


def _changes(api: ApiInstance) -> QuerySet[Brought]:
    return Brought.objects.filter(api=api, gateway=api.gateway)


def _carrying() -> QuerySet[Deployment]:
    """The first deployment that contains the change; changes in quick succession share one."""
    return Deployment.objects.filter(
        gateway=OuterRef("gateway"), generation__gte=OuterRef("generation")
    ).order_by("generation")
