"""Organizations of one tenant share what each tenant has of the workers' threads."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from apis.api_test import ApiTestRun
from apis.bulk import promoting
from apis.bulk.models import BulkChange
from apis.documents import reading
from apis.documents.specification import Specification
from apis.promotions import importing
from apis.promotions.models import Upload
from apis.testing import jobs, runs
from console import turns
from console.models import Organization, User
from console.notices import outbox
from console.notices.models import Delivery
from console.notices.telling import send_to
from tests.console.notices.receivers import hook_receiver
from tests.console.notices.test_channels import make_destination
from tests.factories import make_actor, make_api, make_environment, make_gateway, make_organization

pytestmark = pytest.mark.django_db

OPENAPI = '{"openapi": "3.0.3", "info": {"title": "T", "version": "v"}, "paths": {}}'
REQUEST: dict[str, Any] = {"request": {"target": "/"}, "evaluate": {"expression": "#[1 + 1]"}}


@pytest.fixture
def actor() -> User:
    return make_actor()


@pytest.fixture
def four() -> list[Organization]:
    """Of one tenant; the last one lies two levels below it."""
    tenant = make_organization()
    first = [make_organization(parent=tenant) for _ in range(3)]
    return [*first, make_organization(parent=first[0])]


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What would go to the workers."""
    from apis import tasks

    found: list[str] = []
    for task in (tasks.rehearse, tasks.run_tests, tasks.read_document, tasks.look_at_promotions):
        monkeypatch.setattr(task, "apply_async", lambda args, **_: found.append(str(args[0])))
    cache.clear()
    yield found
    cache.clear()


def test_a_tenant_has_its_turns_and_no_more(four: list[Organization]) -> None:
    with ExitStack() as stack:
        kinds = ("a", "b", "c", "d")
        found = [
            stack.enter_context(turns.turn(one.root_id, kind)) for one, kind in zip(four, kinds, strict=True)
        ]
        assert found == [True, True, True, False]
        assert not stack.enter_context(turns.turn(four[3].root_id, "a"))
        assert stack.enter_context(turns.turn(make_organization().root_id, "a"))

    with turns.turn(four[3].root_id, "d") as has_turn:
        assert has_turn


def test_one_document_of_a_tenant_is_read_at_a_time(actor: User, four: list[Organization]) -> None:
    documents = [reading.keep(actor, one, "a", OPENAPI) for one in four]
    other = reading.keep(actor, make_organization(), "a", OPENAPI)
    Specification.objects.filter(pk=documents[0].pk).update(state="reading", started_at=timezone.now())

    for one in (*documents[1:], other):
        reading.read(one.pk)

    states = [Specification.objects.get(pk=one.pk).state for one in (*documents, other)]
    assert states == ["reading", "waiting", "waiting", "waiting", "accepted"]


def test_documents_of_a_tenant_follow_each_other(
    actor: User, four: list[Organization], asked: list[str]
) -> None:
    first, second = (reading.keep(actor, one, "a", OPENAPI) for one in four[:2])

    reading.read(first.pk)

    assert asked[-1] == str(second.pk)


def test_few_documents_of_a_tenant_are_in_line(actor: User, four: list[Organization]) -> None:
    for one in four:
        reading.keep(actor, one, "a", OPENAPI)

    with pytest.raises(ValidationError, match=r"documents of .*'s tenant are being read"):
        reading.keep(actor, four[3], "a", OPENAPI)
    assert reading.keep(actor, make_organization(), "a", OPENAPI).pk


def test_one_file_of_a_tenant_is_read_at_a_time(actor: User, four: list[Organization]) -> None:
    rows = [
        Upload.objects.create(by=actor, environment=make_environment(one), name="a", text="a: [", size=4)
        for one in (*four, make_organization())
    ]

    with turns.turn(four[0].root_id, "imports"):
        for row in rows:
            importing.read(row.pk)

    assert [Upload.objects.get(pk=row.pk).state for row in rows] == [*["waiting"] * 4, "refused"]


def test_two_rehearsals_of_a_tenant_are_worked_on_at_a_time(
    four: list[Organization], asked: list[str], actor: User
) -> None:
    apis = [make_api(make_gateway(make_environment(one))) for one in four]
    users = [make_actor() for _ in four]
    keys = [
        jobs.ask(user, api.pk, "evaluate", [REQUEST], {}).key for user, api in zip(users, apis, strict=True)
    ]
    asked.clear()

    with ExitStack() as stack:
        for one in four[:2]:
            stack.enter_context(turns.turn(one.root_id, "rehearsals", jobs.AT_ONCE_EACH))
        for key in keys[2:]:
            jobs.work(key)
        assert asked == keys[2:]
        jobs._keep(keys[3], (jobs._opened(keys[3]) or {}) | {"asked_at": time.time() - jobs.TAKEN_SECONDS})
        jobs.work(keys[3])
    jobs.work(keys[2])

    done, late = (jobs.found(user, key) for user, key in zip(users[2:], keys[2:], strict=True))
    assert done and done.value and late
    assert (done.value.text, late.fault) == ("2", jobs.BUSY)


def test_one_run_of_a_tenants_tests_goes_on_at_a_time(
    actor: User, four: list[Organization], asked: list[str]
) -> None:
    apis = [make_api(make_gateway(make_environment(one))) for one in four]
    going = [runs.start(actor, api) for api in apis]
    ApiTestRun.objects.filter(pk=going[0].pk).update(state="running")

    for run in going[1:]:
        runs.work(run.api_id, str(run.token))

    assert [ApiTestRun.objects.get(pk=one.pk).state for one in going[1:]] == ["waiting"] * 3
    assert asked == [str(one.api_id) for one in going[1:]]


def test_one_promotion_of_a_tenant_is_looked_at_at_a_time(actor: User, four: list[Organization]) -> None:
    now = timezone.now()
    changes = [
        BulkChange.objects.create(by=actor, environment=make_environment(one), action="promote")
        for one in (*four, make_organization())
    ]
    BulkChange.objects.filter(pk=changes[0].pk).update(held_until=now + promoting.HELD)

    assert [promoting._hold(one) for one in changes[1:]] == [False, False, False, True]


def test_slow_destinations_of_a_tenant_keep_up_its_own_notices_alone(
    four: list[Organization], settings: Any
) -> None:
    from ipaddress import ip_network

    settings.DESTINATION_NETWORKS = (ip_network("127.0.0.0/8"),)
    with hook_receiver() as receiver:
        for one in (*four, make_organization()):
            send_to(make_destination(make_environment(one), receiver.url), "a", "b", {}, link="/")
        name = f"delivery {Delivery.Way.CHANNEL} of {four[0].root_id}"
        # Another worker that sends one of the tenant's.
        other = connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
            outbox.work()
            held = list(Delivery.objects.waiting().values_list("organization", flat=True))
        finally:
            other.close()
        outbox.work()

    assert sorted(held) == sorted(one.pk for one in four)
    assert not Delivery.objects.waiting().exists()
    assert len(receiver.posted) == 5
