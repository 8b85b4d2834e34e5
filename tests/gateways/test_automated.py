"""Automated policies on a running gateway: in force on the APIs that they cover, and gone again."""

from dataclasses import replace

import httpx
import pytest

from apis.changes import automated
from apis.changes.automated_check import Applies
from apis.changes.instances import create_api, edit_api
from apis.changes.policies import apply_policy
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset
from apis.models import ApiInstance
from console.models import User
from gateways.models import ResourceStatus
from tests.factories import make_actor
from tests.gateways.agent_process import AgentProcess
from tests.gateways.pushing import push
from tests.ports import free_port
from tests.traffic.upstream import echo
from tests.waiting import wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.django_db(transaction=True)]


def make(agent: AgentProcess, user: User, name: str, upstream: str) -> ApiInstance:
    wanted = DesiredApi(
        asset=NewAsset(name),
        gateway=agent.gateway,
        port=free_port(),
        base_path=f"/{name}",
        routes=[DesiredRoute(upstreams=[DesiredUpstream(upstream)])],
    )
    return create_api(user, agent.gateway.environment, wanted, deploy=True)


def status(api: ApiInstance) -> int:
    try:
        address = f"http://127.0.0.1:{api.port}{api.base_path}/1"
        return httpx.get(address, trust_env=False).status_code
    except httpx.HTTPError:
        return 0


def test_an_automated_policy_refuses_where_its_rule_covers_and_lets_go_when_it_is_gone(
    agent: AgentProcess,
) -> None:
    user, environment = make_actor(), agent.gateway.environment
    with echo() as upstream:
        agent.start()
        orders, stock = (make(agent, user, name, upstream.url) for name in ("orders", "stock"))
        apply_policy(user, stock, "ip-allowlist", {"ips": ["127.0.0.1"]})

        def become(*wanted: int) -> None:
            push(agent.gateway.pk)
            wait_until(lambda: (status(orders), status(stock)) == wanted, 20)

        become(200, 200)
        block = {"ips": ["127.0.0.0/8"]}
        blocked = automated.add(user, environment, "ip-blocklist", block, Applies(tags=("public",)))
        become(200, 200)

        edit_api(user, orders, lambda current: replace(current, tags=["public"]))
        become(403, 200)
        automated.delete(user, blocked)
        become(200, 200)

        other = automated.add(user, environment, "ip-allowlist", {"ips": ["10.0.0.1"]}, Applies())
        become(403, 403)
        automated.edit(user, other, applies=Applies(conflicts="yields"))
        become(403, 200)
        automated.edit(user, other, {"ips": ["127.0.0.1"]}, Applies(conflicts="both"))
        become(200, 200)
        assert set(ResourceStatus.objects.values_list("state", flat=True)) == {"applied"}
