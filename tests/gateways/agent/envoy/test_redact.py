"""What a real Envoy quotes of a configuration that it refuses, and what is told of that."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateways.agent.envoy.redact import MASK, masked, without_messages
from gateways.agent.envoy.validate import Judge
from gateways.agent.host import state_folder
from policies.compiled import TYPE_URL
from tests.traffic.gateway import Gateway, running_gateway
from tests.waiting import wait_until

SECRET = "s3cret-tok3n"
ROUTED = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: orders}
spec:
  address: http://127.0.0.1:${port}/orders
  services:
    backend:
      address: ${upstream}
      routes: [{config: {destinationPath: "/"}}]
"""


def cluster(**fields: Any) -> dict[str, Any]:
    return {"static_resources": {"clusters": [{"name": "orders", "alt_stat_name": SECRET} | fields]}}


def filtered(kind: str, **fields: Any) -> dict[str, Any]:
    """A listener with this filter."""
    filters = f"{TYPE_URL}envoy.extensions.filters"
    first = {"name": "first", "typed_config": {"@type": f"{filters}.http.{kind}"} | fields}
    last = {"name": "last", "typed_config": {"@type": f"{filters}.http.router.v3.Router"}}
    manager = {
        "@type": f"{filters}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "p",
        "route_config": {"virtual_hosts": []},
        "http_filters": [first, last],
    }
    chain = {"filters": [{"name": "manager", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    return {"static_resources": {"listeners": [{"name": "l", "address": address, "filter_chains": [chain]}]}}


def header(value: str) -> dict[str, Any]:
    append = {"append": {"header": {"key": "authorization", "value": value}}}
    return filtered("header_mutation.v3.HeaderMutation", mutations={"request_mutations": [append]})


def lua(text: str) -> dict[str, Any]:
    return filtered("lua.v3.Lua", default_source_code={"inline_string": text})


@pytest.mark.envoy
@pytest.mark.parametrize(
    ("config", "words"),
    [
        (cluster(connect_timeout=SECRET), "connect_timeout"),
        (cluster(per_connection_buffer_limit_bytes=SECRET), f"invalid number: '{MASK}'"),
        (cluster(lb_policy=SECRET), f"unknown enum value: '{MASK}'"),
        (cluster(alt_stat_name={"inline": SECRET}), "alt_stat_name"),
        (
            filtered("basic_auth.v3.BasicAuth", users={"inline_bytes": f"{SECRET}!"}),
            "users.inline_bytes: bytes, near",
        ),
        (filtered("nope.v3.Nope", users=SECRET), "could not find @type"),
        (header(f"Bearer 100%{SECRET}"), f"Incorrect configuration: {MASK}. Couldn't find valid command"),
        (header(f"%REQ({SECRET}?b?c)%"), f"More than 1 alternative header specified in token: {MASK}"),
        (header(f"{SECRET}\n"), "value does not match regex pattern"),
        (lua(f"local settings = {{'{SECRET}' '{SECRET}'}}"), "script load error: line 1 of the script"),
        (lua(f"error('{SECRET}')"), "script load error: line 1 of the script"),
    ],
)
def test_no_secret_is_in_a_reason(config: dict[str, Any], words: str, tmp_path: Path) -> None:
    state_folder.prepare(tmp_path)

    said = Judge(tmp_path).verdict(config)

    assert said is not None
    assert words in said
    assert not any(piece in said for piece in ("s3cret", "tok3n"))


@pytest.mark.envoy
def test_addresses_are_told(tmp_path: Path) -> None:
    state_folder.prepare(tmp_path)
    address = {"socket_address": {"address": "no.ip.test", "port_value": 80}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]

    said = Judge(tmp_path).verdict(cluster(load_assignment={"cluster_name": "a", "endpoints": endpoints}))

    assert said is not None
    assert said.startswith("malformed IP address: no.ip.test.")


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with running_gateway(ROUTED, tmp_path) as running:
        yield running


@pytest.mark.envoy
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vhds": SECRET}, "Unable to parse JSON as proto"),
        ({"request_headers_to_add": [{"header": {"key": "x", "value": f"100%{SECRET}"}}]}, "Incorrect"),
        ({"request_headers_to_add": [{"header": {"key": "x", "value": f"{SECRET}\n"}}]}, "regex pattern"),
    ],
)
def test_no_secret_is_in_what_is_told_of_the_log(
    gateway: Gateway, change: dict[str, Any], words: str
) -> None:
    file = gateway.envoy.folder / f"rds-{gateway.port}.json"
    known = orjson.loads(file.read_bytes())
    known["resources"][0] |= change

    state_folder.write_bytes(file, orjson.dumps(known))

    wait_until(lambda: words in gateway.envoy.log_tail())
    assert SECRET in (gateway.envoy.state / "envoy.log").read_text()
    assert SECRET not in gateway.envoy.log_tail()


def test_messages_that_envoy_dumps_into_its_words_are_left_out() -> None:
    log = 'first\nrejected: goo.gle/debugonly\nkey: "s3cret"\nvalue {\n}\n: Proto constraint failed\nlast'

    assert without_messages(log) == "first\nrejected: Proto constraint failed\nlast"
    assert without_messages(log[:40]) == "first\nrejected: "


def test_a_value_is_masked_as_a_word_of_its_own() -> None:
    config = {"value": "auto", "inline_string": "user:pass"}

    assert masked("autonomous auto: 'user:pass'", config) == f"autonomous {MASK}: '{MASK}'"
