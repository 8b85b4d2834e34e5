"""Whether Envoy can listen where APIs, and the probe, want it to."""

import logging
from collections.abc import Iterable
from dataclasses import replace

from gateways.agent.envoy.process import Envoy
from gateways.agent.host import ports
from gateways.agent.translate import ir
from gateways.agent.translate.index import Key
from gateways.agent.xds.compiled_api import CompiledApi
from gateways.agent.xds.listener import PROBE_HOST

log = logging.getLogger(__name__)


def blocked(envoy: Envoy, apis: Iterable[CompiledApi]) -> dict[Key, str]:
    """The APIs whose port it cannot listen on, each with the reason."""
    pids = envoy.pids
    sockets = {one.api.key: (one.api.listener.host, one.api.listener.port) for one in apis}
    answers = {(host, port): ports.why_not(host, port, pids) for host, port in set(sockets.values())}
    return {key: reason for key, socket in sockets.items() if (reason := answers[socket])}


def unbound(envoy: Envoy, apis: Iterable[CompiledApi]) -> dict[Key, str]:
    """The APIs on whose port it does not listen, though it was told to, each with the reason."""
    pid = envoy.pid
    return {
        one.api.key: f"port {one.api.listener.port} is in use by another process"
        for one in apis
        if pid is None or not ports.is_held(one.api.listener.port, pid)
    }


def probed(envoy: Envoy, gateway: ir.Gateway) -> ir.Gateway:
    """Without the probe when another process has its port: the APIs matter more."""
    port = gateway.probe_port
    if port is None:
        return gateway
    is_apis = any(api.listener.port == port for api in gateway.apis)
    reason = "an API listens there" if is_apis else ports.why_not(PROBE_HOST, port, envoy.pids)
    if reason is None:
        return gateway
    log.error("probe_port=%s reason=%s", port, reason)
    return replace(gateway, probe_port=None)
