"""A database of the release before revisions is migrated with all its data, and gateways notice nothing.

`before_revisions/` holds what that release's own code made of the demo's APIs and a few more: the dump
(`pg_dump --inserts`), the snapshot that it built, and how many rows each table had.
"""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.gateways.link_process import database_url
from tests.running import PROJECT

BEFORE = Path(__file__).parent / "before_revisions"
KEY = "ZmFrZS1rZXktb2YtdGhlLXVwZ3JhZGUtZml4dHVyZSE="
NAME = "test_gatewright_upgrade"

# What a worker does after the upgrade, twice: the first build makes the revisions, the second has them.
BUILD = """
import django, json, sys
django.setup()
from apis.deployment import snapshot
from apis.revisions import store
from apis.models import ApiInstance
from apis.revision import Brought
from gateways.models import Gateway
gateway = Gateway.objects.get()
before = store.stale(ApiInstance.objects.all()).count()
first, second = snapshot.build(gateway), snapshot.build(gateway)
print(json.dumps({
    "stale": [before, store.stale(ApiInstance.objects.all()).count()],
    "bodies": [first.body.decode(), second.body.decode()],
    "revisions": ApiInstance.objects.exclude(revision=None).count(),
    "brought": Brought.objects.exclude(revision=None).count(),
    "deployed": ApiInstance.objects.filter(is_deployed=True).count(),
}))
"""


@pytest.fixture
def restored(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, str]]:
    """The environment of processes that work with the restored database."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {NAME}")
        address = database_url(NAME)
    with psycopg.connect(address, autocommit=True) as restoring:
        restoring.execute(_script())
    environment = {"DATABASE_URL": address, "GATEWRIGHT_ENCRYPTION_KEYS": KEY}
    yield {**os.environ, **environment, "DJANGO_SETTINGS_MODULE": "console.settings"}
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


def test_nothing_is_lost_and_the_gateway_is_sent_what_it_was(restored: dict[str, str]) -> None:
    _run(restored, "manage.py", "migrate", "-v0")

    told = json.loads(_run(restored, "-c", BUILD))

    before = gzip.decompress((BEFORE / "snapshot.json.gz").read_bytes()).decode()
    assert told["bodies"] == [before, before]
    assert told["stale"] == [4, 0]
    assert told["revisions"] == told["brought"] == told["deployed"] == 4
    with psycopg.connect(restored["DATABASE_URL"]) as asking:
        counts = json.loads((BEFORE / "rows.json").read_text())
        left = {name: asking.execute(f'SELECT count(*) FROM "{name}"').fetchone() for name in counts}
    assert left == {name: (count,) for name, count in counts.items()}


def _script() -> str:
    """Without what is for psql alone."""
    text = gzip.decompress((BEFORE / "database.sql.gz").read_bytes()).decode()
    return "\n".join(line for line in text.splitlines() if not line.startswith("\\"))


def _run(environment: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
