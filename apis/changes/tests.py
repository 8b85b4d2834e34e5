"""Every change of an API's tests. They are not part of what gateways run: nothing is deployed."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404

from apis.api_test import ApiTest, facts
from apis.changes import bookkeeping
from apis.models import ApiInstance
from console.models import AuditEntry, User
from gateways.protocol.cases import MOST_CASES, Case


@transaction.atomic
def add_test(actor: User, api: ApiInstance, case: Case) -> ApiTest:
    bookkeeping.lock(api=api)
    if api.tests.count() >= MOST_CASES:
        raise ValidationError({"": [f"An API has {MOST_CASES} tests at most; remove one first."]})
    _check_name(api, case)
    last = api.tests.order_by("-position").values_list("position", flat=True).first()
    made = ApiTest.objects.create(
        api=api, name=case.name, case=case.plain, position=0 if last is None else last + 1
    )
    bookkeeping.record(actor, AuditEntry.Action.CREATE, api, target=made, after=facts(case))
    return made


@transaction.atomic
def edit_test(actor: User, test: ApiTest, case: Case) -> ApiTest:
    """What it came to before says nothing of what it asks now."""
    _lock(test)
    _check_name(test.api, case, but=test)
    before = facts(test.known)
    if test.case != case.plain:
        test.state, test.result, test.ran_at = ApiTest.State.NEW, {}, None
    test.name, test.case = case.name, case.plain
    test.save()
    after = facts(case)
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, test.api, target=test, before=before, after=after)
    return test


@transaction.atomic
def remove_test(actor: User, test: ApiTest) -> None:
    _lock(test)
    before = facts(test.known)
    bookkeeping.record(actor, AuditEntry.Action.DELETE, test.api, target=test, before=before)
    test.delete()


@transaction.atomic
def replace_tests(actor: User, api: ApiInstance, cases: Sequence[Case]) -> None:
    """These in the place of all that there are; one that stays as it is keeps what it came to."""
    bookkeeping.lock(api=api)
    known = {one.name: one for one in api.tests.all()}
    before = {"tests": [facts(one.known) for one in known.values()]}
    rows = []
    for position, case in enumerate(cases):
        row = known.get(case.name)
        same = row if row and row.case == case.plain else ApiTest(api=api, name=case.name, case=case.plain)
        same.position = position
        rows.append(same)
    kept = [one.pk for one in rows if one.pk]
    api.tests.exclude(pk__in=kept).delete()
    for one in rows:
        one.save()
    after = {"tests": [facts(one) for one in cases]}
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, before=before, after=after)


def _lock(test: ApiTest) -> None:
    """Raises Http404 when it was removed meanwhile: saving it would bring it back."""
    bookkeeping.lock(api=test.api)
    try:
        test.refresh_from_db()
    except ApiTest.DoesNotExist as gone:
        raise Http404(f"Test {test.pk} not found.") from gone


def _check_name(api: ApiInstance, case: Case, but: ApiTest | None = None) -> None:
    if any(one != but for one in api.tests.filter(name=case.name)):
        message = f'The API has a test "{case.name}" already; give this one another name.'
        raise ValidationError({"name": [ValidationError(message, code="conflict")]})
