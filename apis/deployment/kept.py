"""The revisions of an API that are kept: which can be compared, and gone back to."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, QuerySet, Subquery

from apis.models import ApiInstance
from apis.revision import Brought, Content, Revision
from apis.revisions import rows

RUNNING, SAVED = "running", "saved"
"""What can be compared and is named by no revision: what the gateway is to run, and what is saved."""
_NAME = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True)
class KeptRevision:
    """A revision, and what brought it last: None where that is known no longer."""

    revision: Revision
    brought: Brought | None
    is_running: bool

    @property
    def by(self) -> str:
        return self.brought.entry.actor_name if self.brought and self.brought.entry else ""

    @property
    def at(self) -> datetime | None:
        return self.brought.at if self.brought else None


def revisions(api: ApiInstance) -> QuerySet[Revision]:
    """Without their text, the one that was deployed last first."""
    brought = Brought.objects.filter(revision=OuterRef("pk")).order_by("-at", "-pk")
    last, at = (Subquery(brought.values(field)[:1]) for field in ("pk", "at"))
    found = Revision.objects.filter(api=api).without_text()
    return found.annotate(last=last, last_at=at).order_by("-last_at", "-last", "-pk")


def told(api: ApiInstance, found: QuerySet[Revision]) -> list[KeptRevision]:
    """The same with what brought each, in two queries."""
    chosen = list(found)
    last = {one.pk: getattr(one, "last", None) for one in chosen}
    brought = Brought.objects.select_related("entry", "gateway").in_bulk([pk for pk in last.values() if pk])
    running = api.revision_id if api.is_deployed else None
    return [KeptRevision(one, brought.get(last[one.pk] or 0), one.pk == running) for one in chosen]


def named(api: ApiInstance, name: str) -> Revision | None:
    """The API's revision of which this is the id, or its beginning."""
    if not _NAME.fullmatch(name):
        return None
    return Revision.objects.filter(api=api, digest__startswith=name).first()


def content(api: ApiInstance, name: str) -> Content | None:
    """Of a revision by its name, of what is RUNNING or SAVED; None of what is not there."""
    if name == SAVED:
        return rows.content_of(api)
    if name == RUNNING:
        return api.revision.content if api.is_deployed and api.revision else None
    revision = named(api, name)
    return revision.content if revision else None
