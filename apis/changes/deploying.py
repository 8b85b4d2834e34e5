"""What becomes of a change that was saved: it goes to the gateway at once, or waits there to be deployed.

What waits is *pending*: the API's rows say it, and the revision that its gateway is to run does not.
"""

from uuid import UUID

from django.utils import timezone

from apis.changes import bookkeeping
from apis.models import ApiInstance
from apis.revisions import rows
from apis.rules import permitted, running
from apis.rules.problem import refuse
from console.models import User
from console.permissions import Permission
from gateways.models import Gateway


def saved(actor: User, api: ApiInstance, *gateways: Gateway | None, deploy: bool | None = None) -> None:
    """Call it in the change's transaction, with its gateways locked and all rows of it saved.

    `deploy` is what was asked for: True and False, or None for what the environment says. `gateways` are
    those that the API was on and is on, where these are not the same.
    """
    where = gateways or (api.gateway,)
    if not api.is_deployed:
        _note_author(actor, api)
    elif goes_at_once(api, deploy, actor):
        bookkeeping.bump(api, *where)
    else:
        if len({one.pk for one in where if one}) > 1:
            permitted.require(actor, api, Permission.DEPLOY_APIS)
            refuse(running.taken(api, api.gateway))
            bookkeeping.bump(api, *where, revision=api.revision)
        wait(actor, api)


def goes_at_once(api: ApiInstance, deploy: bool | None, actor: User) -> bool:
    """Where nobody asked for it, nothing that waits already is brought along, and what somebody saves who may
    not deploy waits. Raises PermissionDenied where such a one asked for it.
    """
    place = api.environment
    if deploy is False or place.needs_second_person or place.failing_tests_stop:
        return False
    if not (deploy or (place.deploys_on_save and api.pending_since is None)):
        return False
    if deploy:
        permitted.require(actor, api, Permission.DEPLOY_APIS)
        return True
    return Permission.DEPLOY_APIS in permitted.may(actor, api)


def note(actor: User, api: ApiInstance) -> None:
    """Of what was saved beside the API and never goes at once: an OpenAPI document."""
    if api.is_deployed:
        wait(actor, api)
    else:
        _note_author(actor, api)


def wait(actor: User, api: ApiInstance) -> None:
    """Note whether something is pending of the deployed API now, since when, and who has a part in it."""
    content = rows.content_of(api)
    digest = content.digests[0]
    if api.revision is None or content == api.revision.content:
        api.pending_since, api.pending_digest, api.pending_by = None, "", []
    elif digest != api.pending_digest:
        api.pending_since = api.pending_since or timezone.now()
        api.pending_digest, api.pending_by = digest, _with(actor, api)
    api.save(update_fields=["pending_since", "pending_digest", "pending_by"])


def _note_author(actor: User, api: ApiInstance) -> None:
    """Of what is not deployed, so that a second person can be asked for when it is to be."""
    if actor.pk not in api.pending_by:
        api.pending_by = _with(actor, api)
        api.save(update_fields=["pending_by"])


def _with(actor: User, api: ApiInstance) -> list[UUID]:
    return list(dict.fromkeys([*api.pending_by, actor.pk]))
