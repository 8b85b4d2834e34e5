"""An environment's client provider judges tokens at a running gateway; another one does without a deployment.

The provider is one of OpenID Connect on loopback in all that gateways ask of it: its document, and RFC 7662.
"""

from typing import Any

import httpx
import pytest

from apis.changes import applications, contracts
from apis.changes import client_providers as change
from apis.changes.instances import create_api
from apis.changes.policies import apply_policy
from apis.deployment.pending import pending_of
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset
from tests.factories import make_actor, make_client_provider
from tests.gateways.agent_process import AgentProcess
from tests.gateways.pushing import push
from tests.policies.provider import Provider, provider
from tests.ports import free_port
from tests.traffic.upstream import echo
from tests.waiting import wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.django_db(transaction=True)]


def answering(server: Provider, tokens: dict[str, Any]) -> Provider:
    server.documents["/.well-known/openid-configuration"] = {
        "issuer": server.url,
        "introspection_endpoint": f"{server.url}/introspect",
    }
    server.tokens = tokens
    return server


def test_another_provider_judges_without_a_deployment(agent: AgentProcess) -> None:
    user, environment, port = make_actor(), agent.gateway.environment, free_port()
    organization = environment.organization
    application, _ = applications.create(user, organization, name="Shop")
    of_shop = {"active": True, "client_id": application.client_id}
    with echo() as upstream, provider() as one, provider() as other:
        first, second = (
            make_client_provider(organization, discovery_url=answering(server, tokens).url)
            for server, tokens in (
                (one, {"a": of_shop, "stranger": {"active": True, "client_id": "none"}}),
                (other, {"b": of_shop}),
            )
        )
        change.choose(user, environment, first)
        agent.start()
        wanted = DesiredApi(
            asset=NewAsset("orders"),
            gateway=agent.gateway,
            port=port,
            base_path="/orders",
            routes=[DesiredRoute(upstreams=[DesiredUpstream(upstream.url)])],
        )
        api = create_api(user, environment, wanted, deploy=True)
        config = {"skipClientIdValidation": False}
        apply_policy(user, api, "openidconnect-access-token-enforcement", config)
        contracts.request(user, application, api)

        def statuses(*tokens: str) -> list[int]:
            return [_status(port, token) for token in tokens]

        push(agent.gateway.pk)
        wait_until(lambda: statuses("a", "b", "stranger") == [200, 401, 401], 20)
        change.choose(user, environment, second)
        push(agent.gateway.pk)
        wait_until(lambda: statuses("a", "b") == [401, 200], 20)

        second.client_id = "nobody"
        change.save(user, second)
        push(agent.gateway.pk)
        wait_until(lambda: statuses("b") == [503], 20)
        assert other.forms[-1]["client_id"] == "nobody"
        api.refresh_from_db()
        assert not pending_of([api])


def _status(port: int, token: str) -> int:
    headers = {"authorization": f"Bearer {token}"}
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/orders/1", headers=headers, trust_env=False)
    except httpx.HTTPError:
        return 0
    return answer.status_code
