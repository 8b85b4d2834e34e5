"""A shared secret and a keystore that are changed are in force at a running gateway, without a deployment."""

import logging
import ssl
import time
from typing import Any

import httpx
import pytest

from apis.certificates import self_signed
from apis.changes import secrets as change
from apis.changes.instances import create_api
from apis.changes.policies import apply_policy
from apis.changes.secrets import Material, shared_material
from apis.changes.tls_contexts import DesiredTlsContext, create_tls_context
from apis.deployment.pending import pending_of
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset
from tests.factories import make_actor, make_keystore, make_secret, make_secret_group
from tests.gateways.agent_process import AgentProcess
from tests.gateways.pushing import push
from tests.ports import free_port
from tests.traffic.upstream import echo
from tests.waiting import wait_until

logger = logging.getLogger(__name__)
pytestmark = [pytest.mark.envoy, pytest.mark.django_db(transaction=True)]


def test_changed_secrets_are_in_force_on_the_gateway(agent: AgentProcess) -> None:
    user, environment, port = make_actor(), agent.gateway.environment, free_port()
    group = make_secret_group(environment, name="shop")
    secret, keystore = make_secret(group, name="database"), make_keystore(group, name="edge")
    context = create_tls_context(user, environment, DesiredTlsContext("edge", keystore=keystore))
    with echo() as upstream:
        agent.start()
        wanted = DesiredApi(
            asset=NewAsset("orders"),
            gateway=agent.gateway,
            protocol="https",
            port=port,
            base_path="/orders",
            tls_context=context,
            routes=[DesiredRoute(upstreams=[DesiredUpstream(upstream.url)])],
        )
        api = create_api(user, environment, wanted, deploy=True)
        config = {"username": "ann", "password": "${secret:shop/database}"}
        apply_policy(user, api, "http-basic-authentication", config)

        def status(password: str) -> int:
            try:
                address = f"https://127.0.0.1:{port}/orders/1"
                with httpx.Client(verify=False, trust_env=False, auth=("ann", password)) as client:
                    return client.get(address).status_code
            except httpx.HTTPError:
                return 0

        def served() -> str:
            return ssl.get_server_certificate(("127.0.0.1", port)).strip()

        def after_push(is_so: Any, what: str) -> None:
            began = time.monotonic()
            push(agent.gateway.pk)
            wait_until(is_so, 20)
            logger.info("%s in force after %.2f s", what, time.monotonic() - began)

        after_push(lambda: status("s3cret") == 200, "the API")
        material = shared_material("UsernamePassword", {"username": "ann", "password": "renewed"})
        change.edit_secret(user, secret, material=material)
        after_push(lambda: (status("renewed"), status("s3cret")) == (200, 401), "a changed password")

        certificate, key = self_signed(["renewed.example.com"])
        pair = {"certificate": certificate, "key": key}
        change.edit_secret(user, keystore, material=Material("PEM", pair, {}))
        after_push(lambda: served() == certificate.strip(), "a renewed certificate")
        api.refresh_from_db()
        assert not pending_of([api])
