"""What an issuer that is away looks like from the console, and that its keys are in force once it is back."""

import httpx
import pytest

from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, Upstream
from gateways.models import Gateway, Replica
from gateways.views.state import of_replicas
from tests.factories import make_api
from tests.gateways.agent_process import AgentProcess
from tests.gateways.pushing import push
from tests.policies.issuer import OTHER, Issuer, key_set
from tests.policies.tokens import token
from tests.ports import free_port
from tests.traffic.upstream import EchoServer, echo, serving
from tests.waiting import wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.django_db(transaction=True)]


def guarded(gateway: Gateway, upstream: EchoServer, issuer: Issuer) -> ApiInstance:
    api = make_api(gateway, name="orders", base_path="/orders", port=free_port())
    target = Upstream.objects.create(api=api, uri=upstream.url)
    RouteUpstream.objects.create(route=Route.objects.create(api=api, position=0), upstream=target)
    config = {"jwtKeyOrigin": "jwks", "jwksUrl": issuer.url, "skipClientIdValidation": True}
    PolicyBinding.objects.create(api=api, policy="jwt-validation", config=config, order=1)
    Gateway.objects.filter(pk=gateway.pk).update(generation=gateway.generation + 1)
    return api


@pytest.mark.long
def test_an_issuer_that_is_away_is_told_until_it_is_back(agent: AgentProcess) -> None:
    with echo() as upstream, serving(Issuer()) as issuer:
        issuer.status = 503
        agent.start()
        api = guarded(agent.gateway, upstream, issuer)
        push(agent.gateway.pk)

        def status(text: str) -> int:
            headers = {"authorization": f"Bearer {text}"}
            try:
                return httpx.get(
                    f"http://127.0.0.1:{api.port}/orders/1", headers=headers, trust_env=False
                ).status_code
            except httpx.TransportError:
                return 0

        wait_until(lambda: status(token()) == 503, 30)
        wait_until(lambda: any(issuer.url in note for note in notes()), 30)
        assert "it answers 503. It never was: requests that need it are refused." in notes()[0]

        issuer.status = 200
        wait_until(lambda: status(token()) == 200, 40)
        wait_until(lambda: not notes(), 30)

        issuer.body = key_set(two=OTHER)
        wait_until(lambda: status(token(OTHER, headers={"kid": "two"})) == 200, 40)
        assert Replica.objects.get().generation == Gateway.objects.get().generation


def notes() -> list[str]:
    """What the gateway's page says of its replica."""
    return [note for row in of_replicas(Gateway.objects.get()) for note in row.notes]
