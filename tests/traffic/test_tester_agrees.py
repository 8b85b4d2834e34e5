"""What a rehearsal says of random requests is what the gateway does, on random routes and policies."""

import http.client
import json
import random
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml

from gateways.agent.rehearsal.rehearsal import Rehearsal
from gateways.agent.sources.files import load_text
from gateways.protocol.rehearsal import Request, Verdict
from tests.traffic.gateway import Gateway, running_gateway

pytestmark = pytest.mark.envoy

PATHS = (
    "/items",
    "/items/[^/]+",
    "/items(/.*)?",
    "/(a|b)/.*",
    "/v1(/.*)",
    "/.*",
    r"/n/\d+",
    "/a/x|/b/y",
    "/x/{id}",
)
SEGMENTS = (
    "items",
    "a",
    "b",
    "x",
    "y",
    "v1",
    "n",
    "7",
    "42",
    "%61",
    "a%20b",
    "",
    ".",
    "..",
    "%2F",
    "%C3%A9",
    "a;b",
    "%2e",
)
METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS")
HOSTS = ("one.example", "two.example", "one.example:8081", "ONE.example")
HEADERS = {"x-beta": ("yes", "no", "maybe"), "x-tenant": ("a", "b")}
ANN = "Basic YW5uOm9mLWFubg=="
AGENTS = ("curl/8", "bot/1", "")
HOUR_MS = 3_600_000


@dataclass
class Random:
    """Everything is made of one seed."""

    chance: random.Random

    def some(self, *of: Any, likely: float = 0.5) -> Any:
        return self.chance.choice(of) if self.chance.random() < likely else None

    def rule(self) -> dict[str, Any]:
        header = self.some(*HEADERS, likely=0.2)
        found = {
            "path": self.some(*PATHS, likely=0.8),
            "methods": self.some("GET", "GET|POST", "P.*", "get", likely=0.4),
            "host": self.some("one[.]example", "two.example", likely=0.2),
            "headers": {header: self.chance.choice(("yes|a", ".*", "no"))} if header else None,
        }
        return {name: value for name, value in found.items() if value}

    def condition(self) -> list[dict[str, Any]]:
        kept = ("path", "methods")
        return [{name: value for name, value in self.rule().items() if name in kept}]

    def route(self, number: int) -> dict[str, Any]:
        """Its upstream path tells which it was."""
        rules = [self.rule() for _ in range(self.chance.randint(1, 2))]
        return {"rules": rules, "config": {"destinationPath": f"/r{number}"}}

    def policy(self, number: int) -> dict[str, Any]:
        name, config = self.chance.choice(
            (
                ("http-basic-authentication", {"username": "ann", "password": "of-ann"}),
                ("ip-blocklist", {"ips": ["127.0.0.0/8"]}),
                ("access-block", {}),
                ("user-agent-filter", {"denied": ["bot"], "refuseMissing": self.chance.random() < 0.3}),
                ("cors", {}),
                (
                    "rate-limiting",
                    {"rateLimits": [{"maximumRequests": 9, "timePeriodInMilliseconds": HOUR_MS}]},
                ),
                (
                    "header-injection",
                    {"inboundHeaders": [{"key": f"x-put-{number}", "value": "#[attributes.method]"}]},
                ),
                ("header-removal", {"inboundHeaders": ["x-tenant"]}),
            )
        )
        has_conditions = name != "cors" and self.chance.random() < 0.7
        observes = name in ("ip-blocklist", "access-block") and self.chance.random() < 0.3
        return {
            "policyRef": {"name": name},
            "config": config,
            **({"rules": self.condition()} if has_conditions else {}),
            **({"mode": "observe"} if observes else {}),
        }

    def api(self, name: str, base_path: str) -> dict[str, Any]:
        routes = [self.route(number) for number in range(self.chance.randint(1, 5))]
        services = {"backend": {"address": "${upstream}", "routes": routes}}
        policies = [self.policy(number) for number in range(self.chance.randint(0, 5))]
        return {
            "apiVersion": "gateway.mulesoft.com/v1alpha1",
            "kind": "ApiInstance",
            "metadata": {"name": name},
            "spec": {
                "address": "http://127.0.0.1:${port}" + base_path,
                "services": services,
                "policies": policies,
            },
        }

    def request(self) -> Request:
        segments = [self.chance.choice(SEGMENTS) for _ in range(self.chance.randint(0, 4))]
        base = self.chance.choice(("/shop", "/shop", "/shop", "/bank", "/bank", "/nowhere", "/shopping"))
        query = self.some("?a=1", "?a=/b", "?", likely=0.3) or ""
        headers = [("Host", self.chance.choice(HOSTS)), ("User-Agent", self.chance.choice(AGENTS))]
        headers += [
            (name, self.chance.choice(its)) for name, its in HEADERS.items() if self.chance.random() < 0.5
        ]
        if self.chance.random() < 0.7:
            headers.append(("Authorization", ANN))
        method = self.chance.choice(METHODS)
        if method == "OPTIONS":
            headers += [("Origin", "https://shop.example"), ("Access-Control-Request-Method", "PUT")]
        target = "/".join([base, *segments])
        return Request.model_validate({"method": method, "target": target + query, "headers": headers})


def served(gateway: Gateway, connection: http.client.HTTPConnection, asked: Request) -> tuple[Any, ...]:
    """What the real gateway did: the status, then what the upstream got, or what was said."""
    connection.putrequest(asked.method, asked.target, skip_host=True, skip_accept_encoding=True)
    for name, value in asked.headers:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    content = answer.read()
    if answer.headers.get("x-upstream") is None:
        return answer.status, content.decode(), sorted(_told(answer.getheaders()))
    got = json.loads(content)
    return answer.status, got["path"], sorted(_own(got["headers"].items()))


def said(verdict: Verdict) -> tuple[Any, ...]:
    """The same of a rehearsal, whose upstream answers nothing but 200."""
    assert verdict.answer is not None
    if verdict.outcome != "upstream":
        return verdict.answer.status, verdict.answer.body, sorted(_told(verdict.answer.headers))
    assert verdict.sent is not None
    return verdict.answer.status, verdict.sent.target, sorted(_own(verdict.sent.headers))


def _own(headers: Any) -> list[tuple[str, str]]:
    return [
        (name.lower(), value) for name, value in headers if name.lower().startswith(("x-put", "x-tenant"))
    ]


def _told(headers: Any) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers if name.lower().startswith("access-control")]


def explains(verdict: Verdict) -> bool:
    """Whether the route that its criteria lead to is the one that the upstream's path shows."""
    taken = [one for one in verdict.routes if one.state == "taken"]
    if verdict.outcome == "no-route":
        return bool(verdict.routes) and not taken
    if verdict.outcome != "upstream":
        return bool(verdict.routes) or not verdict.api
    assert verdict.sent is not None
    begins = taken[0].upstreams[0].destination_path if taken else "?"
    return verdict.sent.target.startswith(begins)


def agrees(seed: int, requests: int, tmp_path: Path) -> None:
    made = Random(random.Random(seed))
    text = yaml.safe_dump_all([made.api("shop", "/shop"), made.api("bank", "/bank")])
    with running_gateway(text, tmp_path) as gateway:
        loaded = load_text(Template(text).safe_substitute(gateway.names))
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
        with Rehearsal(loaded.resources) as rehearsal:
            for number in range(requests):
                asked = made.request()
                verdict = rehearsal.ask(asked)
                told = f"seed {seed}, request {number}: {asked.method} {asked.target} {asked.headers}\n{text}"
                assert said(verdict) == served(gateway, connection, asked), told
                assert explains(verdict), told
        connection.close()


@pytest.mark.parametrize("seed", range(3))
def test_on_some_requests(seed: int, tmp_path: Path) -> None:
    agrees(seed, 120, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_on_ten_thousand_requests(tmp_path: Path) -> None:
    for seed in range(100, 150):
        agrees(seed, 200, tmp_path / str(seed))
