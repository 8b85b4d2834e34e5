"""Whoever builds beside another, and whoever dies on the way: what comes of it is whole revisions."""

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest
from django.db import connection, connections, transaction

from apis.changes import instances
from apis.deployment import snapshot
from apis.deployment.pending import pending
from apis.models import ApiInstance
from apis.revision import Brought, Revision
from apis.revisions import store
from gateways.agents.packed import Packed
from gateways.models import Gateway
from gateways.protocol import resources as r
from tests.apis.deployment.test_push import deployed
from tests.apis.deployment.test_revision import an_api, body
from tests.factories import make_actor
from tests.gateways.link_process import database_url
from tests.running import PROJECT
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

EDIT = """
from apis.changes import policies
from apis.models import ApiInstance
from console.models import User
api = ApiInstance.objects.get(pk=int(sys.argv[1]))
policies.apply_policy(User.objects.first(), api, "cors", {"publicResource": True})
"""
BUILD = """
from apis.deployment import snapshot
from gateways.models import Gateway
snapshot.build(Gateway.objects.get(pk=sys.argv[1]))
"""


def test_two_who_build_at_once_build_the_same(settings: Any) -> None:
    api, actor = an_api(), make_actor()
    for number in range(20):
        deployed(api.gateway, actor, f"Api{number}")
    ApiInstance.objects.update(revision=None, revision_generation=None)
    Revision.objects.all().delete()
    found: list[Packed] = []

    _together(*[lambda: found.append(snapshot.build(api.gateway)) for _ in range(4)])

    assert len({one.body for one in found}) == 1
    assert Revision.objects.count() == 21
    assert not store.stale(ApiInstance.objects.all()).exists()


def test_whoever_builds_while_others_save_has_whole_revisions() -> None:
    api, actor = an_api(), make_actor()
    others = [deployed(api.gateway, actor, f"Api{number}") for number in range(3)]
    found: list[Packed] = []

    def save(mine: ApiInstance) -> None:
        for number in range(5):
            instances.edit_api(
                actor,
                mine,
                lambda desired, number=number: desired.__class__(**vars(desired) | {"label": f"x{number}"}),
            )

    def build() -> None:
        found.extend(snapshot.build(Gateway.objects.get()) for _ in range(10))

    _together(build, build, *[lambda one=one: save(one) for one in others])

    by_generation: dict[int, set[str]] = {}
    for one in found:
        read = r.Snapshot.model_validate_json(one.body)
        assert r.digest(read.resources) == one.digest
        assert len(read.resources) == one.count
        by_generation.setdefault(one.generation, set()).add(one.digest)
    assert all(len(digests) == 1 for digests in by_generation.values())
    assert Gateway.objects.get().generation == 5 + 15  # five changes made the APIs
    assert pending(ApiInstance.objects.get(pk=others[0].pk)).lines == []


def test_a_save_that_is_killed_on_the_way_leaves_nothing_of_it() -> None:
    """It dies when revision and pointer are written and its entry of the audit is not."""
    api = an_api()
    before, revisions = body(api), Revision.objects.count()

    with _held_at("console_auditentry", EDIT, api.pk):
        pass

    assert body(api) == before
    assert (Revision.objects.count(), Brought.objects.count()) == (revisions, revisions)
    assert not pending(ApiInstance.objects.get(pk=api.pk))


def test_a_worker_that_is_killed_on_the_way_leaves_the_rest_to_the_next() -> None:
    """It dies when the missing revisions are written and nothing names them yet."""
    api = an_api()
    before = body(api)
    ApiInstance.objects.update(revision=None, revision_generation=None)
    Brought.objects.update(revision=None, replaced=None)
    Revision.objects.all().delete()

    with _held_at("apis_brought", BUILD, api.gateway_id):
        assert not Revision.objects.exists()

    assert body(api) == before
    assert Revision.objects.count() == 1


class _held_at:  # noqa: N801 it reads as a function
    """A process that waits where it would write this table, and is killed there when the block ends."""

    def __init__(self, table: str, code: str, *arguments: object) -> None:
        self._table, self._code = table, code
        self._arguments = [str(one) for one in arguments]

    def __enter__(self) -> None:
        self._lock = transaction.atomic()
        self._lock.__enter__()
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {self._table} IN SHARE MODE")
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"import django, sys\ndjango.setup()\n{self._code}", *self._arguments],
            cwd=PROJECT,
            env={**os.environ, "DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "console.settings"},
        )
        wait_until(lambda: self._process.poll() is not None or self._waits(), 60)
        assert self._process.poll() is None

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(20)
        self._lock.__exit__(None, None, None)

    def _waits(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass", [self._table]
            )
            return bool(cursor.fetchone()[0])


def _together(*works: Any) -> None:
    """All at once, each with a connection of its own."""
    failed: list[BaseException] = []

    def run(work: Any) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed, failed
