"""Deploys an older revision: what is saved stays, and what differs from it is pending then."""

from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from apis.changes import bookkeeping, deploying, discarding, review
from apis.models import ApiInstance
from apis.removed import Removed
from apis.revision import Revision
from apis.revisions import export
from apis.revisions.facts import policies
from apis.rules import running
from apis.rules.problem import Problem, refuse
from console.models import AuditEntry, User
from policies import catalog

GONE = "That revision is no longer kept; choose another."


@transaction.atomic
def rollback(actor: User, api: ApiInstance, revision: Revision, *, comment: str = "") -> ApiInstance:
    """Run this revision of the API on its gateway, whether it is deployed there now or not.

    It is a deployment like any other, and at once in every environment: the way back from a bad one waits for
    nobody. `comment` says why. Raises ValidationError when the revision cannot run any more: its port or base
    path was taken meanwhile, or what it needs was deleted.
    """
    bookkeeping.lock(api.gateway, api=api)
    if api.gateway is None:
        raise ValidationError({"gateway": ["The API has no gateway to run on; choose one."]})
    if len(comment) > review.MOST_COMMENT:
        raise ValidationError({"comment": [f"The comment is longer than {review.MOST_COMMENT} characters."]})
    wanted = Revision.objects.select_for_update(no_key=True).filter(pk=revision.pk, api=api).first()
    if wanted is None:
        raise ValidationError({"revision": [GONE]})
    refuse(problems(api, wanted))
    before = {"revision": _named(api.revision), "deployed": api.is_deployed}
    api.is_deployed, api.deployed_at = True, timezone.now()
    api.save(update_fields=["is_deployed", "deployed_at", "updated_at"])
    bookkeeping.bump(api, api.gateway, revision=wanted)
    deploying.wait(actor, api)
    after = {"revision": _named(wanted), "deployed": True, "comment": comment.strip() or None}
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, before=before, after=after)
    return api


@transaction.atomic
def rollback_all(actor: User, api: ApiInstance, revision: Revision, *, comment: str = "") -> Removed | None:
    """The same, and what is saved becomes what runs. What is answered can be given to `discarding.restore`;
    None where nothing else was saved.
    """
    rollback(actor, api, revision, comment=comment)
    return discarding.discard(actor, api) if api.pending_since else None


def problems(api: ApiInstance, revision: Revision) -> Iterator[Problem]:
    """What stands in the way of running it again."""
    content = revision.content
    known = export.contexts(content)
    named = [pk for pk in (content.serves_with, *content.trusts_by) if pk]
    if any(pk not in known or known[pk].environment_id != api.environment_id for pk in named):
        yield Problem("revision", f"A TLS context that revision {revision} needs was deleted.", "conflict")
        return
    yield from running.taken(api, api.gateway, revision)
    for used in policies(content).values():
        try:
            catalog.find(used.policy)
        except catalog.UnknownPolicy as error:
            yield Problem(
                "revision", f"Revision {revision} applies a policy that is gone: {error}", "conflict"
            )


def _named(revision: Revision | None) -> str | None:
    return revision.short_id if revision else None
