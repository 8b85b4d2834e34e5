"""User Agent Filter wherever it stands among other policies."""

import pytest

from tests.policies.rehearsed import Rehearsal, Request, api

pytestmark = pytest.mark.envoy

POLICIES = {
    "user-agent-filter": {"denied": ["^evil"]},
    "header-injection": {"inboundHeaders": [{"key": "x-method", "value": "#[attributes.method]"}]},
    "ip-allowlist": {"ips": ["127.0.0.1"]},
}
ORDERS = [
    ("header-injection", "user-agent-filter"),
    ("ip-allowlist", "user-agent-filter"),
    ("header-injection", "ip-allowlist", "user-agent-filter"),
]


def test_who_is_not_denied_passes_behind_whatever_policies() -> None:
    apis = [api(f"a{at}", [(one, POLICIES[one]) for one in order]) for at, order in enumerate(ORDERS)]

    with Rehearsal(apis) as rehearsal:
        for at, _ in enumerate(ORDERS):
            for agent, outcome in (("good", "upstream"), ("evil", "refused")):
                request = Request(target=f"/a{at}", headers=(("user-agent", agent),))
                assert rehearsal.ask(request).outcome == outcome
