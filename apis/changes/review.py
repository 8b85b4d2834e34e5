"""Deploys what is pending of an API, as somebody saw it who may do so."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from apis.api_test import ApiTest, ApiTestRun
from apis.changes import bookkeeping, deploying
from apis.desired import desired_of
from apis.models import ApiInstance
from apis.revision import Content, Revision
from apis.revisions import rows
from apis.rules import permitted
from apis.rules.instances import check_free
from apis.rules.problem import Problem, refuse
from console.models import AuditEntry, User
from console.permissions import Permission
from console.versions import check, version

MOST_COMMENT = 1000
NOTHING = "Nothing is pending any more: what is saved is what the gateway is to run."
OWN = (
    "Some of these changes are yours: in {} a second person deploys them, who made none of them. Ask one who "
    "may deploy this API."
)


def token(api: ApiInstance, content: Content | None = None) -> str:
    """A word for what is saved and what the gateway is to run: who deploys says which of both they saw.

    Without a query where the content is given, and the API's revision was read with it.
    """
    return _token(api, (content or rows.content_of(api)).digests[0])


def token_of_waiting(api: ApiInstance) -> str:
    """The same of what was noted as pending, without a look at the rows."""
    return _token(api, api.pending_digest)


def _token(api: ApiInstance, saved: str) -> str:
    if ApiInstance._meta.get_field("revision").is_cached(api):
        runs = api.revision.digest if api.revision else None
    else:
        runs = Revision.objects.filter(pk=api.revision_id).values_list("digest", flat=True).first()
    return version([saved, runs if api.is_deployed else None, str(api.gateway_id)])


@transaction.atomic
def deploy_pending(
    actor: User, api: ApiInstance, *, seen: str = "", comment: str = "", despite_tests: bool = False
) -> ApiInstance:
    """Have the gateway run what is saved; of an API that is not deployed, all of it.

    Raises Changed when what is saved or what runs is not as it was `seen`, ValidationError when it may not
    be deployed, or nothing is pending.
    """
    permitted.require(actor, api, Permission.DEPLOY_APIS)
    bookkeeping.lock(api.gateway, api=api)
    content = rows.content_of(api)
    check(seen, token(api, content))
    if api.is_deployed and api.revision and api.revision.content == content:
        if api.pending_since:  # noted before a release without reviews deployed it
            deploying.wait(actor, api)
            return api
        raise ValidationError({"": [ValidationError(NOTHING, code="conflict")]})
    refuse(_asked(api, comment))
    refuse(obstacles(actor, api, content, despite_tests=despite_tests))
    check_free(api.environment, desired_of(api), api)
    before: dict[str, Any] = {"revision": _named(api.revision), "deployed": api.is_deployed}
    by = _names(api)
    api.is_deployed, api.deployed_at = True, timezone.now()
    api.save(update_fields=["is_deployed", "deployed_at", "updated_at"])
    bookkeeping.bump(api, api.gateway)
    after: dict[str, Any] = {
        "revision": _named(api.revision),
        "deployed": True,
        "comment": comment.strip() or None,
    }
    after |= {"changed_by": by or None, "despite_tests": despite_tests or None}
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, before=before, after=after)
    return api


def obstacles(
    actor: User, api: ApiInstance, content: Content | None = None, *, despite_tests: bool = False
) -> Iterator[Problem]:
    """Why this person may not deploy what is saved, as the environment has it."""
    place = api.environment
    if place.needs_second_person and actor.pk in api.pending_by:
        yield Problem("", OWN.format(place), "conflict")
    if not place.failing_tests_stop:
        return
    told = untested(api, (content or rows.content_of(api)).digests)
    if told and not despite_tests:
        yield Problem("tests", f"{told} Failing tests stop a deployment in {place}.", "conflict")
    elif told and not may_override(actor, api):
        message = f"{told} Only an administrator may deploy it all the same."
        yield Problem("despite_tests", message, "conflict")


def may_override(actor: User, api: ApiInstance) -> bool:
    """Whether they may deploy what its tests do not pass."""
    return api.environment.permits(actor, Permission.ADMINISTER_ENVIRONMENT)


def untested(api: ApiInstance, digests: list[str]) -> str:
    """Why it is not known that the API's tests pass on this content, in words; "" where they do."""
    states = list(api.tests.values_list("state", flat=True))
    if not states:
        return ""
    last = ApiTestRun.objects.filter(api=api).first()
    if last and last.is_going:
        return "Its tests still run."
    if last is None or last.digest not in digests:
        return "Its tests were not run on what is saved now."
    if missing := len([one for one in states if one != ApiTest.State.PASSED]):
        return f"{missing} of its {len(states)} tests did not pass."
    return ""


def _asked(api: ApiInstance, comment: str) -> Iterator[Problem]:
    if api.gateway is None:
        yield Problem("gateway", "The API has no gateway to run on; choose one.")
    if len(comment) > MOST_COMMENT:
        yield Problem("comment", f"The comment is longer than {MOST_COMMENT} characters.")


def _named(revision: Revision | None) -> str | None:
    return revision.short_id if revision else None


def _names(api: ApiInstance) -> list[str]:
    found = User.objects.filter(pk__in=api.pending_by).order_by("username")
    return list(found.values_list("username", flat=True))
