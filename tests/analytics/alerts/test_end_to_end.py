"""An alert that real traffic through a real gateway raises, with the tasks that beat asks for."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from analytics import queries
from analytics.alerts import change, rounds, tasks
from analytics.alerts.models import Alert, Round
from analytics.alerts.wanted import WantedAlert
from apis.changes.policies import apply_policy
from apis.models import ApiInstance
from console.notices.tasks import deliver
from gateways.models import Gateway, Replica
from tests.console.notices.conftest import mailbox  # noqa: F401 - a fixture
from tests.console.notices.receivers import Mailbox
from tests.factories import make_user
from tests.gateways.agent_process import AgentProcess
from tests.gateways.link_process import LinkProcess
from tests.gateways.pushing import push
from tests.gateways.test_connected import add_api, answers
from tests.traffic.upstream import echo
from tests.waiting import wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def agent(tmp_path: Path, live_server: LiveServer, link: LinkProcess) -> Iterator[AgentProcess]:
    agent = AgentProcess(tmp_path, live_server.url).register()
    try:
        yield agent.start()
    finally:
        agent.end()


@pytest.fixture
def api(agent: AgentProcess) -> Iterator[ApiInstance]:
    """Deployed, and called once."""
    with echo() as upstream:
        api = add_api(agent.gateway, upstream)
        push(agent.gateway.pk)
        wait_until(lambda: answers(api))
        yield api


def test_refused_requests_raise_it_and_quiet_resolves_it(
    agent: AgentProcess,
    api: ApiInstance,
    mailbox: Mailbox,  # noqa: F811
) -> None:
    user = make_user(is_superuser=True)
    wanted = WantedAlert(
        name="Refused",
        type=Alert.Type.VIOLATIONS,
        about=Alert.About.API,
        api=api.pk,
        threshold=2,
        window_minutes=5,
        policies=("ip-blocklist",),
        addresses=("ops@acme.example",),
    )
    change.add(user, api.environment, wanted)
    apply_policy(user, api, "ip-blocklist", {"ips": ["127.0.0.0/8"]})
    generation = Gateway.objects.get(pk=agent.gateway.pk).generation
    push(agent.gateway.pk)
    wait_until(lambda: Replica.objects.get().generation == generation, 20)
    with httpx.Client(trust_env=False) as client:
        for _ in range(3):
            client.get(f"http://127.0.0.1:{api.port}/orders/1")
    wait_until(lambda: queries.summary(api.pk, 60).violations >= 3, 30)

    tasks.look()
    pass_minutes(1)
    deliver()
    assert Alert.objects.get().state == Alert.State.ALERTING
    for minutes in (7, 8):
        pass_minutes(minutes)
    deliver()

    subjects = [mail["Subject"] for mail in mailbox.mails]
    assert [one.partition("(")[2] for one in subjects] == ["Alerting)", "OK)"]
    assert "above 2 refusals" in subjects[0]
    assert Round.objects.get().until


def pass_minutes(minutes: int) -> None:
    """As if so many minutes had passed: what the task does is asked for twice."""
    now = timezone.now() + timedelta(minutes=minutes) + rounds.GRACE
    assert rounds.run(now) == 1
    assert rounds.run(now) is None
