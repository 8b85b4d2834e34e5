"""The connections of a worker's threads to the database."""

import pytest
from celery.fixups.django import DjangoWorkerFixup
from celery.signals import task_prerun
from django.db import connection, connections

from console.celery import app
from console.tasks import pulse

pytestmark = pytest.mark.django_db(transaction=True)


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


@pytest.fixture
def worker() -> DjangoWorkerFixup:
    """What Celery does to a Django project's connections around its tasks."""
    return DjangoWorkerFixup(app)


def test_a_task_finds_the_connection_of_the_one_before(worker: DjangoWorkerFixup) -> None:
    before = backend()

    worker.on_task_postrun(sender=pulse)
    task_prerun.send(sender=pulse)
    worker.on_task_prerun(sender=pulse)

    assert backend() == before


def test_a_task_does_not_find_a_connection_that_broke() -> None:
    before = backend()
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [before])
    other.close()

    task_prerun.send(sender=pulse)

    assert backend() != before
