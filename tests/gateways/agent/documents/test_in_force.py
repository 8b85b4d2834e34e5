"""An agent that starts anew has what it had of the network."""

from pathlib import Path

import pytest

from gateways.agent.apply import Applier
from tests.policies.issuer import Issuer
from tests.policies.tokens import apply, ask, remote, token
from tests.traffic.gateway import running_gateway
from tests.traffic.upstream import serving

pytestmark = pytest.mark.envoy


def test_an_agent_that_starts_with_the_issuer_away_serves(tmp_path: Path) -> None:
    with running_gateway("", tmp_path) as gateway, serving(Issuer()) as issuer:
        apply(gateway, remote(issuer))
        issuer.status = 500

        successor = Applier(gateway.envoy)
        ack = successor.restore()
        assert ack is not None and ack.applied
        successor.documents.close()

        assert ask(gateway, token()).status_code == 200
        assert issuer.asked == 1
