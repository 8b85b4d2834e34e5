"""What a policy has the gateway's authorizer ask the network.

The authorizer is a process beside Envoy. A policy's script asks it over a socket in the state folder, about
a credential; the policy's own `ask.py` asks the network. What it answers is remembered in memory that all
worker threads share, under a digest of the credential: one that comes again never leaves the proxy.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from policies.answers import memory
from policies.compiled import Cluster, Scope, Secret
from policies.expression.lua import Value

AUTHORIZER = "gatewright.authorizer"
SOCKET = "authorizer.sock"
"""In the state folder, where Envoy runs: its address has room for 108 bytes."""
AT_ONCE = 4096
SLACK_MS = 1500
"""For the way there and back: the authorizer says itself what was late."""
LUA = Path(__file__).with_name("asking.lua")
TELL = Path(__file__).with_name("telling.lua")
"""Behind `LUA` in a script that `gives` something: `answered(handle)` is what the other script was told."""


@dataclass(frozen=True)
class Question:
    """`secret` and `cluster` belong into Compiled; `settings` go to the script under "ask", whose files begin
    with `LUA`.

    What is to be asked stands in the secret's file, by whose name the script names it: Envoy's
    configuration holds nothing of it. Questions that are alike share their answers.
    """

    secret: Secret
    cluster: Cluster
    settings: Mapping[str, Value] = field(default_factory=dict)


def question(
    scope: Scope,
    policy: str,
    asked: Mapping[str, Any],
    *,
    timeout_ms: int,
    remembered_seconds: float,
    most_remembered: int = 1000,
) -> Question:
    """`asked` is plain data, which `ask` of the policy's ask.py gets again; secrets are welcome.

    `remembered_seconds` bounds what an answer says of itself.
    """
    plain = {
        "policy": policy,
        "timeout_ms": timeout_ms,
        "remembered_seconds": remembered_seconds,
        "most_remembered": most_remembered,
        "asked": dict(asked),
    }
    secret = scope.secret(json.dumps(plain, sort_keys=True))
    settings: dict[str, Value] = {
        "question": secret.path.name,
        "cluster": AUTHORIZER,
        "timeout_ms": timeout_ms + SLACK_MS,
        "told": scope.binding,
        "memory": memory.settings(scope.state),
    }
    return Question(secret, _cluster(), settings)


def _cluster() -> Cluster:
    bounds = {"max_connections": AT_ONCE, "max_pending_requests": AT_ONCE, "max_requests": AT_ONCE}
    config = {
        "type": "STATIC",
        "connect_timeout": "1s",
        "circuit_breakers": {"thresholds": [bounds]},
        "load_assignment": {
            "cluster_name": AUTHORIZER,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": SOCKET}}}}]}],
        },
    }
    return Cluster(AUTHORIZER, config)
