"""Which deployments of its gateway brought a change of an API, and what that was."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from apis.deployment.diff import RevisionDifference, RevisionDifferences
from apis.deployment.shown_entries import ShownEntry, as_shown
from apis.history import FieldChange
from apis.models import ApiInstance
from apis.revision import Brought, Revision
from console.models import AuditEntry
from gateways.models import Deployment

_MOST_UNSENT = 20


@dataclass(frozen=True)
class Why:
    """What a deployment changed of an API: `changes` are empty where it was only deployed again.

    `revision` is what the gateway was to run from then on: None when it took the API off, and when that
    was so long ago that the revision is no longer kept.
    """

    deployment: Deployment
    carried: Sequence[Brought]
    changes: list[ShownEntry]
    revision: Revision | None
    differences: RevisionDifferences

    @property
    def words(self) -> str:
        """Like "ann changed policy Rate Limiting", with the number of others."""
        if not self.changes:
            return "deployed again"
        more = len(self.changes) - 1
        also = f" and {more} more change{'' if more == 1 else 's'}" if more else ""
        return f"{self.sentences[0]}{also}"

    @property
    def at(self) -> datetime:
        """When the last of it was saved; it is sent at once, or when the gateway is back."""
        return self.carried[-1].at

    @property
    def is_off(self) -> bool:
        """Whether it took the API off: by a change that says so, since older revisions are not kept."""
        last = self.changes[-1].entry if self.changes else None
        if last is None or last.object_type != "apiinstance":
            return False
        gone = last.action == AuditEntry.Action.DELETE
        was_moved = last.diff.get("gateway", ("", ""))[0] == self.deployment.gateway.name
        return gone or was_moved or last.diff.get("deployed") == [True, False]

    @property
    def actors(self) -> list[str]:
        """Who changed it, each once."""
        return list(dict.fromkeys(one.entry.actor_name for one in self.changes))

    @property
    def comment(self) -> str:
        """What was said of it by who deployed it."""
        said = (one.entry.diff.get("comment", ["", ""])[1] for one in self.changes)
        return "\n".join(filter(None, said))

    @property
    def sentences(self) -> list[str]:
        return [f"{one.entry.actor_name} {one.sentence}" for one in self.changes]

    @property
    def difference(self) -> RevisionDifference | None:
        """Between what the gateway was to run and what it ran before, where both are known."""
        return self.differences.of(self.deployment.pk)

    @property
    def lines(self) -> list[FieldChange]:
        """The same in words, whoever changed it.

        Where one of the two is not known any more, it is what each change says of itself.
        """
        if difference := self.difference:
            return difference.lines
        updates = (one for one in self.changes if one.entry.action == AuditEntry.Action.UPDATE)
        return [line for one in updates for line in one.lines]


def deployments(api: ApiInstance) -> QuerySet[Deployment]:
    """Those that brought a change of it to a gateway, its own or one that it was on, the newest first."""
    carried = Brought.objects.filter(api=api).annotate(carrier=Subquery(_carrying().values("pk")[:1]))
    found = Deployment.objects.filter(pk__in=carried.values("carrier")).select_related("gateway")
    return found.order_by("-created_at", "-pk")


def why(api: ApiInstance, found: Iterable[Deployment]) -> list[Why]:
    """The same deployments with what each changed of the API; several changes may have gone in one."""
    found = list(found)
    if not found:
        return []
    carried = _carried(api, found)
    rows = [row for rows in carried.values() for row in rows]
    entries = AuditEntry.objects.in_bulk({row.entry_id for row in rows if row.entry_id})
    words = {one.entry.pk: one for one in as_shown(entries.values())}
    last = {carrier: rows[-1].revision_id for carrier, rows in carried.items()}
    revisions = Revision.objects.without_text().in_bulk({pk for pk in last.values() if pk})
    pairs = {carrier: (_before(rows, entries), last[carrier]) for carrier, rows in carried.items()}
    differences = RevisionDifferences(lambda: pairs)
    return [
        Why(
            one,
            carried[one.pk],
            [words[row.entry_id] for row in carried[one.pk] if row.entry_id in words],
            revisions.get(last.get(one.pk) or 0),
            differences,
        )
        for one in found
        if one.pk in carried
    ]


def unsent(api: ApiInstance) -> list[ShownEntry]:
    """What is to go to the gateway and was not sent yet, as while no worker runs: the newest first."""
    rows = Brought.objects.filter(api=api, gateway=api.gateway).filter(~Exists(_carrying()))
    newest = rows.select_related("entry").order_by("-generation")[:_MOST_UNSENT]
    return as_shown([row.entry for row in newest if row.entry])


def _carried(api: ApiInstance, found: Sequence[Deployment]) -> defaultdict[int, list[Any]]:
    """By the ids of deployments: what they brought of the API, in order.

    `ran` is what the gateway was to run of it before it was taken off, where it had been.
    """
    off = Brought.objects.filter(
        api=OuterRef("api"), gateway=OuterRef("gateway"), generation__lt=OuterRef("generation")
    )
    ran = Subquery(off.order_by("-generation").values("replaced")[:1])
    carrier = Subquery(_carrying().values("pk")[:1])
    rows = Brought.objects.filter(api=api).annotate(carrier=carrier, ran=ran)
    carried = defaultdict(list)
    for row in rows.filter(carrier__in=[one.pk for one in found]).order_by("generation", "pk"):
        carried[row.carrier].append(row)
    return carried


def _before(rows: Sequence[Any], entries: Mapping[int, AuditEntry]) -> int | None:
    """The revision that the gateway was to run before these; None where it was none, or is not known."""
    first = rows[0]
    if first.replaced_id is None and first.entry_id in entries:
        was_off = entries[first.entry_id].diff.get("deployed") == [False, True]
        return first.ran if was_off else None
    return first.replaced_id


def _carrying() -> QuerySet[Deployment]:
    """The first deployment that had the change in it: quick changes go together."""
    return Deployment.objects.filter(
        gateway=OuterRef("gateway"), generation__gte=OuterRef("generation")
    ).order_by("generation")
