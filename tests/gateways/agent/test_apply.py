"""What `apply` answers and what Envoy then does; through a real one."""

import json
import os
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from gateways.agent.apply import Applier, StaleSnapshot
from gateways.agent.envoy.process import LOG_BYTES, Envoy
from gateways.protocol.messages import Ack
from tests.certificates import self_signed
from tests.traffic.gateway import Gateway, running_gateway
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy


def api(name: str, *policies: str, port: str = "${port}", path: str = "", address: str = "127.0.0.1") -> str:
    return f"""
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {{name: {name}}}
spec:
  address: http://{address}:{port}/{name}
  services:
    backend:
      address: ${{upstream}}
      routes: [{{config: {{destinationPath: "{path}"}}}}]
  policies: [{", ".join(policies)}]
---
"""


def allow(ip: str, rules: str = "[]") -> str:
    config = f"{{ipExpression: \"#[attributes.headers['x-ip']]\", ips: [{ip}]}}"
    return f"{{policyRef: {{name: ip-allowlist}}, config: {config}, rules: {rules}}}"


NOBODY = allow("192.0.2.1/32")
UNCONDITIONAL = "{policyRef: {name: header-removal}, config: {inboundHeaders: [x-debug]}}"
UNKNOWN = "{policyRef: {name: no-such-policy}}"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with running_gateway("", tmp_path) as running:
        yield running


def tls_binding(name: str, ciphers: str = "[]") -> str:
    certificate = json.dumps(self_signed())
    return f"""
apiVersion: gateway.mulesoft.com/v1alpha1
kind: PolicyBinding
metadata: {{name: {name}-tls}}
spec:
  targetRef: {{name: {name}}}
  policyRef: {{name: tls}}
  config: {{certificate: {certificate}, ciphers: {ciphers}}}
---
"""


def states(ack: Ack) -> dict[str, tuple[str, int | None]]:
    return {one.name: (one.state, one.running_generation) for one in ack.resources}


def test_one_bad_api_of_three_stays_out_alone(gateway: Gateway) -> None:
    ack = gateway.apply(api("a") + api("b", UNKNOWN) + api("c"))

    assert ack.applied
    assert states(ack) == {"a": ("applied", 1), "b": ("refused", None), "c": ("applied", 1)}
    assert "no-such-policy" in ack.resources[1].reason
    assert [gateway.get(f"/{name}").status_code for name in "abc"] == [200, 404, 200]


def test_refused_api_keeps_its_last_good_version(gateway: Gateway) -> None:
    gateway.apply(api("a", path="/one") + api("b", path="/one"))

    ack = gateway.apply(api("a", path="/two") + api("b", UNKNOWN, path="/two"))

    assert states(ack) == {"a": ("applied", 2), "b": ("refused", 1)}
    paths = [gateway.get(f"/{name}").json()["path"] for name in "ab"]
    assert paths == ["/two", "/one"]


def test_last_good_version_survives_the_agent(gateway: Gateway) -> None:
    gateway.apply(api("b", path="/one"))
    gateway.apply(api("b", UNKNOWN, path="/two"))
    gateway.apply(api("b", UNKNOWN, path="/three"))

    ack = Applier(gateway.envoy).restore()

    assert ack is not None
    assert (ack.generation, states(ack)) == (3, {"b": ("refused", 1)})
    assert gateway.get("/b").json()["path"] == "/one"


def test_api_that_takes_the_base_path_of_a_last_good_version_is_refused(gateway: Gateway) -> None:
    gateway.apply(api("b"))
    moved = api("b", UNKNOWN).replace("}/b", "}/elsewhere")
    newcomer = api("n").replace("}/n", "}/b")

    ack = gateway.apply(moved + newcomer)

    assert states(ack) == {"b": ("refused", 1), "n": ("refused", None)}
    assert "overlaps /b of API b" in ack.resources[1].reason


def together(text: str) -> str:
    return text.replace("metadata: {", "metadata: {annotations: {gatewright/change-set: one}, ")


def test_of_a_change_set_all_change_or_none_does(gateway: Gateway) -> None:
    gateway.apply(api("a") + api("b") + api("c"))

    refused = gateway.apply(together(api("a", NOBODY) + api("b", UNKNOWN)) + api("c", NOBODY))

    assert [gateway.get(path).status_code for path in ("/a", "/b", "/c")] == [200, 200, 403]
    assert [one.state for one in refused.resources] == ["refused", "refused", "applied"]
    assert refused.resources[0].reason.startswith("b, which it is deployed together with, is refused: ")

    mended = gateway.apply(together(api("a", NOBODY) + api("b", NOBODY)) + api("c", NOBODY))

    assert [gateway.get(path).status_code for path in ("/a", "/b")] == [403, 403]
    assert [one.state for one in mended.resources] == ["applied"] * 3


def test_a_change_set_holds_back_what_has_a_version_to_stay_with_and_nothing_that_runs(
    gateway: Gateway,
) -> None:
    gateway.apply(together(api("a", NOBODY)))

    ack = gateway.apply(together(api("a", NOBODY) + api("b", UNKNOWN) + api("new")))

    assert [(one.name, one.state) for one in ack.resources] == [
        ("a", "applied"),
        ("b", "refused"),
        ("new", "applied"),
    ]


def test_removed_api_is_gone_and_its_last_good_version_too(gateway: Gateway) -> None:
    gateway.apply(api("a") + api("b"))

    ack = gateway.apply(api("a"))

    assert states(ack) == {"a": ("applied", 2)}
    assert gateway.get("/b").status_code == 404


def test_port_given_up_answers_no_more_on_open_connections(gateway: Gateway) -> None:
    gateway.apply(api("a") + api("b", port="${port2}"))
    with httpx.Client(base_url=f"http://127.0.0.1:{gateway.names['port2']}") as client:
        assert client.get("/b").status_code == 200

        gateway.apply(api("a"))

        with suppress(httpx.TransportError):
            assert client.get("/b").status_code == 404


def test_older_generation_is_refused(gateway: Gateway) -> None:
    gateway.apply(api("a"), generation=7)

    with pytest.raises(StaleSnapshot, match="generation 6 is older than 7"):
        gateway.apply(api("b"), generation=6)

    assert gateway.get("/a").status_code == 200


def test_port_of_another_process_costs_its_api_alone_and_heals(gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", int(gateway.names["port2"]))):
        ack = gateway.apply(api("a") + api("b", port="${port2}"))
        taken = f"port {gateway.names['port2']} is in use by another process"
        assert states(ack) == {"a": ("applied", 1), "b": ("refused", None)}
        assert ack.resources[1].reason.startswith(taken)
        assert gateway.get("/a").status_code == 200

    healed = gateway.applier.retry()

    assert healed is not None
    assert states(healed) == {"a": ("applied", 1), "b": ("applied", 1)}
    assert httpx.get(f"http://127.0.0.1:{gateway.names['port2']}/b").status_code == 200


def test_port_lost_while_envoy_was_down_is_told_and_heals(gateway: Gateway) -> None:
    gateway.apply(api("a") + api("b", port="${port2}"))
    gateway.envoy.stop()

    with socket.create_server(("127.0.0.1", int(gateway.names["port2"]))):
        applier = Applier(succeeded(gateway))
        lost = applier.restore()
        assert lost is not None
        assert states(lost) == {"a": ("applied", 1), "b": ("refused", None)}
    healed = applier.retry()

    assert healed is not None
    assert states(healed) == {"a": ("applied", 1), "b": ("applied", 1)}
    assert httpx.get(f"http://127.0.0.1:{gateway.names['port2']}/b").status_code == 200


def test_probe_on_a_taken_port_costs_no_api(gateway: Gateway) -> None:
    probe = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Configuration
metadata: {name: health}
spec: {probe: {enabled: true, port: PORT}}
"""
    with socket.create_server(("0.0.0.0", int(gateway.names["port2"]))):
        taken = gateway.apply(api("a") + probe.replace("PORT", "${port2}"))
    shared = gateway.apply(api("a") + probe.replace("PORT", "${port}"))

    assert [states(ack)["a"][0] for ack in (taken, shared)] == ["applied", "applied"]
    assert gateway.get("/a").status_code == 200


def test_address_of_another_machine_is_refused(gateway: Gateway) -> None:
    ack = gateway.apply(api("a", address="192.0.2.7"))

    assert "192.0.2.7 is not an address of this machine" in ack.resources[0].reason


def test_open_connection_meets_the_new_chain(gateway: Gateway) -> None:
    gateway.apply(api("a"))
    with gateway.client.stream("GET", "/a") as answer:
        answer.read()
        before = answer.extensions["network_stream"].get_extra_info("client_addr")

    gateway.apply(api("a", NOBODY))

    with gateway.client.stream("GET", "/a") as answer:
        after = answer.extensions["network_stream"].get_extra_info("client_addr")
        assert (answer.status_code, after) == (403, before)


def test_open_connection_meets_a_new_condition(gateway: Gateway) -> None:
    gateway.apply(api("a"))
    gateway.get("/a/open")

    gateway.apply(api("a", allow("192.0.2.1/32", '[{path: "/shut.*", methods: GET}]')))

    asked = [("GET", "/a/open"), ("GET", "/a/shut?x=1"), ("POST", "/a/shut"), ("GET", "/a/open?x=/shut")]
    assert [gateway.request(*ask).status_code for ask in asked] == [200, 403, 200, 200]


def test_adopted_envoy_serves_on(gateway: Gateway) -> None:
    gateway.apply(api("a"))
    pid = gateway.envoy.pid

    successor = succeeded(gateway)
    ack = Applier(successor).restore()

    assert successor.pid == pid
    assert ack is not None
    assert states(ack) == {"a": ("applied", 1)}
    assert gateway.get("/a").status_code == 200


def succeeded(gateway: Gateway) -> Envoy:
    """The next agent's Envoy, in the place of the gateway's."""
    gateway.envoy.leave()
    gateway.envoy = Envoy(gateway.envoy.state, gateway.envoy.node, drain_seconds=1)
    gateway.envoy.start()
    return gateway.envoy


def test_killed_envoy_is_back_with_what_ran(gateway: Gateway) -> None:
    gateway.apply(api("a"))
    pid = gateway.envoy.pid
    assert pid is not None

    os.kill(pid, signal.SIGKILL)

    wait_until(lambda: gateway.envoy.pid not in (None, pid))
    wait_until(lambda: gateway.envoy.facts()["state"] == "LIVE")
    assert httpx.get(f"http://127.0.0.1:{gateway.port}/a").status_code == 200
    assert gateway.envoy.restarts == 1


def test_log_of_envoy_itself_stays_bounded(gateway: Gateway) -> None:
    """Envoy goes on in the same file: what comes next stands at its beginning."""
    log = gateway.envoy.state / "envoy.log"
    with log.open("ab") as file:
        file.write(b"x" * LOG_BYTES + b"\nlast words\n")
        file.flush()

        wait_until(lambda: log.stat().st_size == 0)
        file.write(b"news\n")

    assert log.read_bytes() == b"news\n"
    assert (gateway.envoy.state / "envoy.log.1").read_bytes().endswith(b"\nlast words\n")


def test_what_envoy_alone_would_refuse_costs_its_api_alone(gateway: Gateway) -> None:
    faulty = api("b", port="${port2}").replace("http://127.0.0.1:${port2}", "https://127.0.0.1:${port2}")

    ack = gateway.apply(api("a") + faulty + tls_binding("b", ciphers="[NO_SUCH_CIPHER]") + api("c"))

    assert [one.state for one in ack.resources] == ["applied", "refused", "applied"]
    assert "NO_SUCH_CIPHER" in ack.resources[1].reason
    assert gateway.get("/c").status_code == 200


def test_policy_whose_script_cannot_be_read_lets_nothing_through(gateway: Gateway) -> None:
    gateway.apply(api("a", allow("0.0.0.0/0")))
    scripts = list(gateway.envoy.state.glob("scripts/*.lua"))
    texts = {path: path.read_bytes() for path in scripts}
    for path in scripts:
        path.unlink()

    refused = gateway.get("/a", headers={"x-ip": "192.0.2.1"})
    for path, text in texts.items():
        path.write_bytes(text)

    assert texts
    assert (refused.status_code, refused.json()) == (500, {"error": "A policy of this API cannot run."})
    assert gateway.get("/a", headers={"x-ip": "192.0.2.1"}).status_code == 200


def test_many_policies_of_a_kind_keep_their_own_settings(gateway: Gateway) -> None:
    gateway.apply(api("a", allow("192.0.2.0/24"), allow("192.0.2.7"), UNCONDITIONAL, allow("192.0.2.0/28")))

    statuses = [gateway.get("/a", headers={"x-ip": f"192.0.2.{last}"}).status_code for last in (7, 8, 77)]

    assert statuses == [200, 403, 403]


def test_files_are_the_owners_alone(gateway: Gateway) -> None:
    gateway.apply(api("a"))
    gateway.apply(api("a", NOBODY))

    state = gateway.envoy.state
    files = [state / "snapshot.json", state / "snapshot.previous.json", *state.glob("envoy/*.json")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert not list(state.rglob("candidate.json"))
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (state, state / "envoy")} == {0o700}
