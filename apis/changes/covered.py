"""What automated policies' rules look at changes, and gateways are told where others hold from then on."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.models import QuerySet

from apis.automated.holding import holding
from apis.changes import bookkeeping
from apis.models import ApiInstance
from console.models import Environment


@contextmanager
def followed(environment: Environment, apis: QuerySet[ApiInstance]) -> Iterator[None]:
    """Around a change of names or tags of these APIs, whose gateways are locked: those that come under an
    automated policy, or out of one, change on their gateways. Their own revisions stay.
    """
    before = _held(environment, apis)
    yield
    after = _held(environment, apis)
    changed = [pk for pk in {*before, *after} if before.get(pk) != after.get(pk)]
    if changed:
        bookkeeping.bump_all(ApiInstance.objects.filter(pk__in=changed).deployed())


def _held(environment: Environment, apis: QuerySet[ApiInstance]) -> dict[int, list[int]]:
    held = holding(environment, apis).by_api
    return {api: [policy.pk for policy in policies] for api, policies in held.items()}
