"""GET /healthz."""

import re
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from console import background
from console.pages import parts
from gateways.models import Replica
from tests.factories import make_gateway

pytestmark = pytest.mark.django_db

UP = {"database": "up", "valkey": "up", "worker": "up", "link": "up", "reader": "up"}


def test_every_part_up_answers_200(client: Client, pulse: None) -> None:
    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "up", "parts": UP}


def test_a_silent_worker_answers_503(client: Client, pulse: None) -> None:
    cache.set(background.PULSE_KEY, time.time() - 60)

    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert silent(answer) == "worker"


def silent(answer: HttpResponse) -> str:
    """The part that has not been heard for a minute and a little more."""
    parts = answer.json()["parts"]
    (name,) = [one for one in parts if parts[one] != UP[one]]
    assert re.fullmatch(r"silent for [6-9]\d s", parts[name])
    return name


def test_without_a_process_for_streams_it_answers_503(client: Client, pulse: None) -> None:
    cache.delete(background.LINK_PULSE_KEY)

    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert answer.json()["parts"] == UP | {"link": "no answer yet"}


def test_a_silent_reader_of_documents_answers_503(client: Client, pulse: None) -> None:
    cache.set(background.READER_PULSE_KEY, time.time() - 60)

    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert silent(answer) == "reader"


def test_the_local_gateway_is_a_part_where_one_runs(
    client: Client, pulse: None, local_gateway: uuid.UUID
) -> None:
    without = client.get("/healthz")
    _connect(local_gateway)
    with_replica = client.get("/healthz")

    assert (without.status_code, without.json()["parts"]["gateway"]) == (503, "not connected")
    assert (with_replica.status_code, with_replica.json()["parts"]["gateway"]) == (200, "up")


@pytest.fixture
def local_gateway() -> Iterator[uuid.UUID]:
    gateway = make_gateway()
    parts.LOCAL_GATEWAY.parent.mkdir(exist_ok=True)
    parts.LOCAL_GATEWAY.write_text(str(gateway.pk))
    yield gateway.pk
    parts.LOCAL_GATEWAY.unlink()


def _connect(gateway_id: uuid.UUID) -> None:
    now = timezone.now()
    Replica.objects.create(
        id=uuid.uuid4(),
        gateway_id=gateway_id,
        name="one",
        version="1",
        started_at=now - timedelta(seconds=1),
        last_heartbeat_at=now,
    )
