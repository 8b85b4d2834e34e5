"""Deploys an older revision: what is saved stays, and what differs from it is pending then."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from apis.changes import bookkeeping, deploying, discarding, review
from apis.changes.reviving import problems
from apis.models import ApiInstance
from apis.removed import Removed
from apis.revision import Revision
from apis.rules import permitted
from apis.rules.problem import refuse
from console.models import AuditEntry, User
from console.permissions import Permission

GONE = "That revision is no longer kept; choose another."


@transaction.atomic
def rollback(actor: User, api: ApiInstance, revision: Revision, *, comment: str = "") -> ApiInstance:
    """Run this revision of the API on its gateway, whether it is deployed there now or not.

    It is a deployment like any other, and at once in every environment: the way back from a bad one waits for
    nobody. `comment` says why. Raises ValidationError when the revision cannot run any more: its port or base
    path was taken meanwhile, or what it needs was deleted.
    """
    permitted.require(actor, api, Permission.DEPLOY_APIS)
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
    # What was pending differs from another revision now, and the actor has a part in that.
    api.pending_digest = ""
    deploying.wait(actor, api)
    after = {
        "revision": _named(wanted),
        "deployed": True,
        "comment": comment.strip() or None,
        "rolled_back": True,
    }
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, before=before, after=after)
    return api


@transaction.atomic
def rollback_all(actor: User, api: ApiInstance, revision: Revision, *, comment: str = "") -> Removed | None:
    """The same, and what is saved becomes what runs. What is answered can be given to `discarding.restore`;
    None where nothing else was saved.
    """
    rollback(actor, api, revision, comment=comment)
    return discarding.discard(actor, api) if api.pending_since else None


def _named(revision: Revision | None) -> str | None:
    return revision.short_id if revision else None
