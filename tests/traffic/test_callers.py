"""Who the caller is: for policies, the log and the upstream the same one, whatever a caller claims."""

import itertools
import socket
from typing import Any

import httpx
import pytest
import yaml

from gateways.agent.settings import Proxying
from gateways.agent.sources.files import load_text
from gateways.agent.translate.apis import translate
from gateways.agent.xds import access_log
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.test_policies import api, policy
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

PROXY, DIRECT = "127.0.0.1", "127.0.0.2"
LIES = {
    "x-forwarded-for": "6.6.6.6",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "evil.example",
    "x-forwarded-port": "1",
    "forwarded": "for=6.6.6.6",
}
TELLING = (
    *("x-forwarded-client-cert", "x-forwarded-prefix", "x-forwarded-tls-client-cert", "x-real-ip"),
    *("x-envoy-external-address", "x-envoy-retry-on"),
)
OF_APPLICATIONS = (
    "x_tenant",
    "x_request_id",
    "x_realm",
    "x_forward_to",
    "x-real_ips",
    "x-amz-meta-a.b",
    "x_consumer_name",
    "user_id",
    "x_forwarded",
)
FLEX = "#[attributes.headers['x-forwarded-for']]"
MIXED = "#[attributes.headers['x-forwarded-for'] default attributes.remoteAddress]"
BY_CALLER = {
    "rateLimits": [{"maximumRequests": 1, "timePeriodInMilliseconds": 3_600_000}],
    "keySelector": "#[attributes.remoteAddress]",
}
EXPRESSIONS = (
    {},
    {"ipExpression": FLEX},
    {"ipExpression": MIXED},
    {"ipExpression": "#[attributes.remoteAddress]"},
)
SHOWN = policy(
    "header-injection", {"inboundHeaders": [{"key": "x-seen", "value": "#[attributes.remoteAddress]"}]}
)


def configuration(**part: Any) -> str:
    (name,) = part
    return yaml.safe_dump(
        {
            "apiVersion": "gateway.mulesoft.com/v1alpha1",
            "kind": "Configuration",
            "metadata": {"name": name.lower()},
            "spec": part,
        }
    )


def applied(gateway: Gateway, *texts: str) -> None:
    ack = gateway.apply("---\n".join(texts))
    assert ack.applied, ack.reason
    assert not [one.reason for one in ack.resources if one.reason]


def ask(gateway: Gateway, source: str, path: str = "/who/x", **headers: str) -> httpx.Response:
    """From this address of the machine's own network."""
    transport = httpx.HTTPTransport(local_address=source)
    with httpx.Client(transport=transport, base_url=f"http://127.0.0.1:{gateway.port}") as client:
        return client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


def told(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    names = (*LIES, "x-seen", "x-envoy-retry-on", "x-envoy-upstream-rq-timeout-ms")
    return {name: value for name, value in answer.json()["headers"].items() if name in names}


@pytest.mark.parametrize("source", [PROXY, DIRECT])
def test_nobody_is_believed_by_default(gateway: Gateway, source: str) -> None:
    applied(gateway, api(SHOWN, name="who"))

    answer = ask(gateway, source, **LIES)

    assert told(answer) == {
        "x-forwarded-for": source,
        "x-forwarded-proto": "http",
        "x-forwarded-host": f"127.0.0.1:{gateway.port}",
        "x-seen": source,
    }


def test_no_claim_is_passed_on_where_the_caller_s_host_is(tmp_path: Any) -> None:
    with running_gateway(api(name="who"), tmp_path, proxying=Proxying(rewrites_host=False)) as gateway:
        assert told(ask(gateway, DIRECT, **LIES)) == {"x-forwarded-for": DIRECT, "x-forwarded-proto": "http"}


def spellings(name: str) -> list[str]:
    """Names that are one where all signs are hyphens."""
    parts = name.split("-")
    marks = itertools.product("-_.~", repeat=len(parts) - 1)
    return ["".join(itertools.chain(*zip(parts, (*some, ""), strict=True))) for some in marks]


@pytest.mark.parametrize("networks", [[], ["127.0.0.1"]], ids=["trusted by nobody", "trusted"])
def test_no_other_spelling_tells_of_a_caller(gateway: Gateway, networks: list[str]) -> None:
    names = (*LIES, *TELLING)
    others = [one for name in names for one in spellings(name) if one != name]
    trusted = [configuration(trustedProxies={"networks": networks})] if networks else []
    applied(gateway, *trusted, api(SHOWN, name="who"))

    others += [one.title() for one in others]
    for start in range(0, len(others), 80):
        answer = httpx.get(
            f"http://127.0.0.1:{gateway.port}/who/x",
            headers=[(name, "6.6.6.6") for name in (*others[start : start + 80], *OF_APPLICATIONS)],
            trust_env=False,
        )

        assert answer.status_code == 200, answer.text
        got = answer.json()["headers"]
        assert {name for name in got if set(name) & set("_.~")} == set(OF_APPLICATIONS)
        assert got["x-forwarded-for"] == got["x-seen"] == PROXY


def test_a_policy_may_write_another_spelling(gateway: Gateway) -> None:
    written = [{"key": "x_forwarded_for", "value": "#[attributes.remoteAddress]"}]
    applied(gateway, api(policy("header-injection", {"inboundHeaders": written}), name="who"))

    answer = httpx.get(
        f"http://127.0.0.1:{gateway.port}/who/x", headers={"x_forwarded_for": "6.6.6.6"}, trust_env=False
    )

    assert answer.json()["headers"]["x_forwarded_for"] == PROXY


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
@pytest.mark.parametrize("lie", ["10.0.0.1", "10.0.0.1, 10.0.0.2", "", "junk", ","])
def test_no_header_avoids_an_ip_rule(gateway: Gateway, expression: dict[str, str], lie: str) -> None:
    allowed = policy("ip-allowlist", {"ips": ["10.0.0.0/8"], **expression})
    blocked = policy("ip-blocklist", {"ips": ["127.0.0.0/8"], **expression})
    applied(gateway, api(allowed, name="allowed"), api(blocked, name="blocked"))

    statuses = [
        ask(gateway, DIRECT, f"/{name}/x", x_forwarded_for=lie).status_code for name in ("allowed", "blocked")
    ]

    assert statuses == [403, 403]


@pytest.mark.parametrize(
    ("said", "caller"),
    [
        ("7.7.7.7", "7.7.7.7"),
        ("6.6.6.6, 7.7.7.7", "7.7.7.7"),
        ("6.6.6.6,7.7.7.7,10.1.1.1", "7.7.7.7"),
        ("2001:db8::7, 10.1.1.1", "2001:db8::7"),
        ("6.6.6.6, junk", PROXY),
        ("", PROXY),
    ],
)
@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_trusted_networks_tell_the_caller(
    gateway: Gateway, said: str, caller: str, expression: dict[str, str]
) -> None:
    trusted = configuration(trustedProxies={"networks": ["127.0.0.1", "10.0.0.0/8"]})
    allowed = policy("ip-allowlist", {"ips": [caller], **expression})
    blocked = policy("ip-blocklist", {"ips": [caller], **expression})
    applied(gateway, trusted, api(allowed, SHOWN, name="who"), api(blocked, name="blocked"))

    answer = ask(gateway, PROXY, x_forwarded_for=said)

    assert told(answer)["x-forwarded-for"] == told(answer)["x-seen"] == caller
    assert ask(gateway, PROXY, "/blocked/x", x_forwarded_for=said).status_code == 403
    assert ask(gateway, DIRECT, x_forwarded_for=said).status_code == 403


@pytest.mark.parametrize("said", ["::ffff:7.7.7.7", "::ffff:707:707"])
def test_an_address_inside_ipv6_is_in_the_lists_of_ipv4(gateway: Gateway, said: str) -> None:
    trusted = configuration(trustedProxies={"networks": ["127.0.0.1"]})
    allowed = policy("ip-allowlist", {"ips": ["7.7.7.7"]})
    blocked = policy("ip-blocklist", {"ips": ["7.7.0.0/16"]})
    applied(gateway, trusted, api(allowed, name="who"), api(blocked, name="blocked"))

    assert ask(gateway, PROXY, x_forwarded_for=said).status_code == 200
    assert ask(gateway, PROXY, "/blocked/x", x_forwarded_for=said).status_code == 403


def test_trusted_proxies_tell_scheme_and_host_and_nothing_of_envoy(gateway: Gateway) -> None:
    applied(gateway, configuration(trustedProxies={"networks": ["127.0.0.1/32"]}), api(SHOWN, name="who"))
    envoys = {"x-envoy-retry-on": "5xx", "x-envoy-upstream-rq-timeout-ms": "1"}

    believed = told(ask(gateway, PROXY, **LIES, **envoys))
    doubted = told(ask(gateway, DIRECT, **LIES, **envoys))

    assert believed == {name: value for name, value in LIES.items() if name != "forwarded"} | {
        "x-seen": "6.6.6.6"
    }
    assert doubted == {
        "x-forwarded-for": DIRECT,
        "x-forwarded-proto": "http",
        "x-forwarded-host": f"127.0.0.1:{gateway.port}",
        "x-seen": DIRECT,
    }


@pytest.mark.parametrize(
    ("networks", "source", "hops", "said", "caller"),
    [
        ([], DIRECT, 1, "6.6.6.6, 7.7.7.7", "7.7.7.7"),
        ([], DIRECT, 2, "6.6.6.6, 7.7.7.7, 8.8.8.8", "7.7.7.7"),
        ([], DIRECT, 2, "7.7.7.7", DIRECT),
        (["127.0.0.1"], PROXY, 2, "6.6.6.6, 7.7.7.7, 8.8.8.8", "7.7.7.7"),
        (["127.0.0.1"], DIRECT, 2, "6.6.6.6, 7.7.7.7, 8.8.8.8", DIRECT),
    ],
)
def test_hops_tell_the_caller_by_its_place(
    gateway: Gateway, networks: list[str], source: str, hops: int, said: str, caller: str
) -> None:
    applied(
        gateway, configuration(trustedProxies={"networks": networks, "hops": hops}), api(SHOWN, name="who")
    )

    answer = told(ask(gateway, source, x_forwarded_for=said))

    assert answer["x-seen"] == answer["x-forwarded-for"] == caller


def test_a_limit_for_each_caller_counts_who_is_behind_the_proxy(gateway: Gateway) -> None:
    trusted = configuration(trustedProxies={"networks": ["127.0.0.1"]})
    applied(gateway, trusted, api(policy("rate-limiting", BY_CALLER), name="each"))

    statuses = [
        ask(gateway, PROXY, "/each/x", x_forwarded_for=one).status_code
        for one in ("7.7.7.7", "6.6.6.6, 7.7.7.7", "8.8.8.8")
    ]
    direct = [
        ask(gateway, DIRECT, "/each/x", x_forwarded_for=one).status_code for one in ("9.9.9.1", "9.9.9.2")
    ]

    assert (statuses, direct) == ([200, 429, 200], [200, 429])


def test_the_log_names_the_same_caller(tmp_path: Any) -> None:
    trusted = configuration(trustedProxies={"networks": ["127.0.0.1"]})
    with running_gateway("---\n".join([trusted, api(name="who")]), tmp_path) as gateway:
        ask(gateway, PROXY, x_forwarded_for="6.6.6.6, 7.7.7.7")
        ask(gateway, DIRECT, x_forwarded_for="6.6.6.6")

        gateway.log(2)
        lines = (gateway.envoy.state / "access.log").read_bytes().splitlines()
        entries = [
            access_log.entry(line, key)
            for line in lines
            if (key := access_log.key(access_log.fields(line)[1]))
        ]
        assert [one.remote_address for one in entries] == ["7.7.7.7", DIRECT]


def spoken(gateway: Gateway, source: str, line: bytes, headers: bytes = b"") -> bytes:
    """All that comes back after a PROXY protocol's line and a request."""
    with socket.create_connection(
        ("127.0.0.1", gateway.port), timeout=10, source_address=(source, 0)
    ) as wire:
        wire.sendall(line + b"GET /who/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n" + headers + b"\r\n")
        received = b""
        try:
            while piece := wire.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received


TOLD = b"PROXY TCP4 7.7.7.7 127.0.0.1 1234 80\r\n"


def test_proxy_protocol_is_taken_from_trusted_proxies_alone(tmp_path: Any) -> None:
    trusted = configuration(trustedProxies={"networks": ["127.0.0.1", "10.0.0.0/8"]})
    texts = [trusted, configuration(proxyProtocol={"enabled": True}), api(SHOWN, name="who")]
    with running_gateway("---\n".join(texts), tmp_path) as gateway:
        wait_until(lambda: b"200 OK" in spoken(gateway, PROXY, TOLD))

        believed = spoken(gateway, PROXY, TOLD, b"x-forwarded-for: 6.6.6.6\r\n")
        behind = spoken(
            gateway, PROXY, TOLD.replace(b"7.7.7.7", b"10.2.2.2"), b"x-forwarded-for: 6.6.6.6, 8.8.8.8\r\n"
        )

        assert b'"x-seen": "7.7.7.7"' in believed and b'"x-forwarded-for": "7.7.7.7"' in believed
        assert b'"x-seen": "8.8.8.8"' in behind and b'"x-forwarded-for": "8.8.8.8"' in behind
        assert spoken(gateway, DIRECT, TOLD) == b""
        assert spoken(gateway, DIRECT, b"") == b""
        assert spoken(gateway, PROXY, b"") == b""


def test_proxy_protocol_without_trusted_proxies_is_left_out_and_said() -> None:
    loaded = load_text(configuration(proxyProtocol={"enabled": True}))
    translation = translate(loaded.resources)

    assert not translation.gateway.uses_proxy_protocol
    assert ["whose word is taken?" in one.message for one in translation.faults] == [True]
