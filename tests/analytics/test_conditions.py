"""How often the conditions of policies held, from the replica's batch to the page."""

import html
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from analytics import conditions
from analytics.ingest import ingest
from analytics.models import ConditionMinute, ConditionWindow
from analytics.rollups import roll_up
from apis.models import ApiInstance, PolicyBinding
from gateways.protocol.messages import ConditionCount
from tests.analytics.test_rest import ask
from tests.analytics.traffic import Shipper, count
from tests.factories import make_api, make_role, make_user
from tests.gateways.agent.traffic.log_lines import START, line
from tests.gateways.agent.traffic.test_tally import tallied

pytestmark = pytest.mark.django_db

ORDERS = [{"uriTemplateRegex": "/orders.*"}]


@pytest.fixture
def api() -> ApiInstance:
    return make_api(name="orders")


def bind(api: ApiInstance, age: timedelta = timedelta(days=3), **fields: Any) -> PolicyBinding:
    given = {"policy": "ip-allowlist", "config": {"ips": ["10.0.0.1"]}, "order": 1, "conditions": ORDERS}
    made = PolicyBinding.objects.create(api=api, **given | fields)
    PolicyBinding.objects.filter(pk=made.pk).update(updated_at=timezone.now() - age)
    made.refresh_from_db()
    return made


def met(binding: PolicyBinding, requests: int, at: float | None = None, /, **fields: Any) -> ConditionCount:
    given = {
        "time": int(at or time.time()),
        "namespace": str(binding.api.environment_id),
        "api": binding.api.resource_name,
        "binding": binding.resource_name,
        "requests": requests,
    }
    return ConditionCount(**given | fields)


def page(client: Client, api: ApiInstance) -> str:
    user = make_user()
    make_role(user, api.environment.organization, "viewer")
    client.force_login(user)
    return " ".join(html.unescape(client.get(f"/apis/{api.pk}/policies").content.decode()).split())


def test_the_agent_counts_each_policy_that_a_line_names() -> None:
    batch = tallied(line(held="-,ip-allowlist-4"), line(held="-,ip-allowlist-4,cors-5"), line())

    assert {(one.time, one.binding): one.requests for one in batch.conditions} == {
        (START, "ip-allowlist-4"): 2,
        (START, "cors-5"): 1,
    }
    assert sum(one.requests for one in batch.counts) == 3


def test_what_was_met_is_kept_once(api: ApiInstance) -> None:
    binding = bind(api)
    shipper = Shipper(api)
    batch = shipper.batch(count(api, 5), conditions=(met(binding, 3),))

    for _ in range(3):
        ingest(shipper.gateway, batch)

    assert ConditionWindow.objects.get().requests == 3


def test_of_others_policies_nothing_is_kept(api: ApiInstance) -> None:
    foreign = bind(make_api(name="foreign"))
    mine = bind(api)

    Shipper(api).ship(
        count(api),
        conditions=(
            met(foreign, 3),
            met(mine, 3, binding=foreign.resource_name),
            met(mine, 3, binding="no-number"),
            met(mine, 3, namespace="elsewhere"),
        ),
    )

    assert not ConditionWindow.objects.exists()


def test_the_page_tells_how_often(client: Client, api: ApiInstance) -> None:
    binding = bind(api)
    Shipper(api).ship(count(api, 4012, at=int(time.time())), conditions=(met(binding, 12),))

    assert "Fired for 12 of 4,012 requests in 24 h" in page(client, api)


def test_a_policy_that_never_fires_is_warned_of(client: Client, api: ApiInstance) -> None:
    bind(api)
    Shipper(api).ship(count(api, 4012, at=int(time.time())))

    assert "Never fired: its conditions held for 0 of 4,012 requests in 24 h" in page(client, api)


def test_a_policy_without_conditions_or_disabled_is_not_told_of(client: Client, api: ApiInstance) -> None:
    bind(api, conditions=[])
    bind(api, is_disabled=True, order=2)
    Shipper(api).ship(count(api, 4012, at=int(time.time())))

    assert "ired" not in page(client, api)


def test_what_was_before_the_policy_was_changed_does_not_count(api: ApiInstance) -> None:
    binding = bind(api, timedelta(hours=1))
    early = time.time() - 7200
    Shipper(api).ship(
        count(api, 100, at=int(early)),
        count(api, 30, at=int(time.time())),
        conditions=(met(binding, 100, early), met(binding, 10)),
    )

    found = conditions.held([binding], api.pk)[binding]

    assert (found.requests, found.of) == (10, 30)
    assert found.since


@pytest.mark.django_db(transaction=True)
def test_rolled_up_it_is_the_same(api: ApiInstance) -> None:
    binding = bind(api)
    at = time.time() - 1800
    Shipper(api).ship(count(api, 10, at=int(at)), conditions=(met(binding, 4, at), met(binding, 2, at)))
    before = conditions.held([binding], api.pk)

    roll_up()
    ConditionWindow.objects.all().delete()

    assert ConditionMinute.objects.get().requests == 6
    assert conditions.held([binding], api.pk) == before


def test_rest_tells_it_too(api: ApiInstance) -> None:
    user = make_user()
    make_role(user, api.environment.organization, "viewer")
    binding = bind(api)
    Shipper(api).ship(count(api, 25, at=int(time.time())))

    body = ask(user, api, end="conditions").json()

    assert body == [
        {
            "policy": binding.pk,
            "name": "ip-allowlist",
            "conditions": ORDERS,
            "fired": 0,
            "requests": 25,
            "since": None,
            "never_fired": True,
        }
    ]


def test_rest_keeps_others_out(api: ApiInstance) -> None:
    assert ask(make_user(), api, end="conditions").status_code == 404
