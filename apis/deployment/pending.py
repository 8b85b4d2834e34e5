"""What is saved of an API and not deployed: the difference between what is to run and what its rows say."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, Q, QuerySet

from apis.changes import review
from apis.deployment.diff import RevisionDifference, between
from apis.models import ApiInstance, PolicyBinding
from apis.revision import Content
from apis.revisions import rows
from apis.rules import own_document
from console.models import AuditEntry
from gateways.models import Gateway

RUN = ["address", "asset", "label", "policies", "response_timeout_ms", "revision", "routes"]
"""Of an API's own entries, the fields by which what gateways run may have changed: and its document, where a
policy may take it.
"""


@dataclass(frozen=True)
class PendingNote:
    """That something waits, as every page of the API tells it. `count` is of what people saved, `seen` the
    word for just this.
    """

    count: int
    since: datetime
    seen: str


def pending(api: ApiInstance, saved: Content | None = None) -> RevisionDifference:
    """Empty, and so false, where nothing waits: nothing does of an API that is not deployed.

    Whether a gateway runs yet what it is to run is another question, which `status` answers. `saved` is what
    its rows say, where that was read already.
    """
    if not api.is_deployed or api.revision is None:
        return between(None, None)
    return between(api.revision.content, saved or rows.content_of(api))


def pending_of(apis: Iterable[ApiInstance]) -> set[int]:
    """The ids of those of which something waits, without a query: every change notes it on its API."""
    return {api.pk for api in apis if api.is_deployed and api.pending_since}


def waiting_on(gateway: Gateway) -> QuerySet[ApiInstance]:
    """The gateway's APIs of which something waits, the longest first."""
    found = ApiInstance.objects.deployed().filter(gateway=gateway)
    return found.exclude(pending_since=None).order_by("pending_since", "pk")


def waiting(api: ApiInstance) -> PendingNote | None:
    if not api.is_deployed or api.pending_since is None:
        return None
    return PendingNote(entries(api).count(), api.pending_since, review.token_of_waiting(api))


def entries(api: ApiInstance) -> QuerySet[AuditEntry]:
    """Who changed what since the first change that waits, the newest first; none where nothing waits."""
    if api.pending_since is None:
        return AuditEntry.objects.none()
    found = AuditEntry.objects.about("apiinstance", [api.pk]).filter(at__gte=api.pending_since)
    own = Q(object_type="apiinstance", diff__has_any_keys=[*RUN, "tls_context"])
    taken = Exists(PolicyBinding.objects.filter(api=api, policy__in=own_document.takers()))
    document = Q(taken, object_type="apiinstance", diff__has_key="specification")
    return found.filter(own | document | Q(object_type="policybinding"))
