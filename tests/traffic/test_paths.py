"""What becomes of `%2F`, `%5C` and `//`, and that no spelling of a guarded path leads around its guard."""

import itertools
import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest
import yaml

from gateways.agent.settings import BadSetting, proxying
from gateways.agent.xds import path_regex
from gateways.agent.xds.rewriting import CapturedGroups
from gateways.protocol import regex
from gateways.protocol.spelling import is_ambiguous, refused
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.raw import http1
from tests.traffic.test_bypass import apply, guarded
from tests.traffic.test_routes import api, upstream_path

pytestmark = pytest.mark.envoy

CONFIGURATION = "\n---\n" + yaml.safe_dump(
    {
        "apiVersion": "gateway.mulesoft.com/v1alpha1",
        "kind": "Configuration",
        "metadata": {"name": "paths"},
        "spec": {"paths": {"slashes": "SLASHES"}},
    }
)


@pytest.mark.parametrize(
    ("slashes", "expected"),
    [
        ("as-sent", {"/api/a%2Fb": "/a%2Fb", "/api/a//b": "/a//b", "/api/a%5cb": "/a%5cb", "//api/a": 400}),
        ("normalize", {"/api/a%2Fb": "/a/b", "/api/a//b": "/a/b", "/api/a%5cb": "/a/b", "//api/a": "/a"}),
        ("refuse", {"/api/a%2Fb": 400, "/api/a//b": 400, "/api/a%5cb": 400, "/api/a%252Fb": 400}),
    ],
)
def test_slashes_are_what_the_configuration_says(
    gateway: Gateway, slashes: str, expected: dict[str, str | int]
) -> None:
    gateway.apply(api("/api") + CONFIGURATION.replace("SLASHES", slashes))

    assert {sent: path_of_new_connection(gateway, sent) for sent in expected} == expected


def path_of_new_connection(gateway: Gateway, sent: str) -> str | int:
    """Open ones keep what their listener did with paths when they were opened."""
    answer = httpx.get(f"http://127.0.0.1:{gateway.port}{sent}", trust_env=False)
    return answer.json()["path"] if answer.status_code == 200 else answer.status_code


@pytest.mark.parametrize("slashes", ["as-sent", "normalize", "refuse"])
def test_no_setting_opens_a_way_around_a_condition(gateway: Gateway, slashes: str) -> None:
    apply(gateway, guarded({"path": "/admin/.*"}) + CONFIGURATION.replace("SLASHES", slashes))
    spellings = ["/admin%2Fx", "/admin//x", "/public/..%2fadmin/x", "/%2e%2e;/admin/x", "/;/admin/x"]

    assert {http1(gateway.port, one.encode()) for one in spellings} <= {400, 401}


@pytest.mark.parametrize("slashes", ["as-sent", "normalize", "refuse"])
@pytest.mark.parametrize(
    "sent",
    [
        "/public/..;/x",
        "/public/..;a=1;b/x",
        "/.;/x",
        "/x/..;",
        "/..;/..;/x",
        "/public/;/x",
        "/..;%2Fx",
        "/.;a=b?q",
    ],
)
def test_a_parent_that_is_written_with_parameters_is_refused(
    gateway: Gateway, sent: str, slashes: str
) -> None:
    apply(gateway, guarded({"path": "/nothing"}) + CONFIGURATION.replace("SLASHES", slashes))

    assert answered(gateway.port, sent)[0] == 400


def test_nothing_that_is_sent_on_has_a_segment_to_resolve(gateway: Gateway) -> None:
    apply(gateway, guarded({"path": "/nothing"}))
    pieces = ["/..;", "/..;x", "/.;x/", "/..", "/a", "/;", "/%2e%2e;x", "/..%3b", "/a;b"]
    targets = ["".join(one) for length in (1, 2, 3) for one in itertools.product(pieces, repeat=length)]

    found = {target: sent_on(gateway, target) for target in targets}

    left = {sent: got for sent, got in found.items() if isinstance(got, str) and is_ambiguous(got)}
    assert left == {}
    assert {type(got) for got in found.values()} == {str, int}


def sent_on(gateway: Gateway, target: str) -> str | int:
    """The path that the upstream gets, else the status of the refusal."""
    status, body = answered(gateway.port, target)
    return str(json.loads(body)["path"]) if status == 200 else status


def answered(port: int, target: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.putrequest("GET", target, skip_accept_encoding=True)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_slashes_of_the_environment(tmp_path: Path) -> None:
    given = proxying({"GATEWRIGHT_PATH_SLASHES": "Normalize"})

    with running_gateway(api("/api"), tmp_path, proxying=given) as gateway:
        assert upstream_path(gateway, "/api/a%2Fb") == "/a/b"


def test_unknown_slashes_are_refused() -> None:
    with pytest.raises(BadSetting, match='"merge" is not one of as-sent, normalize, refuse'):
        proxying({"GATEWRIGHT_PATH_SLASHES": "merge"})


PIECES = [
    "/",
    "//",
    "%2F",
    "%5c",
    "%252f",
    ".",
    "..",
    "%2e",
    ";",
    ";x",
    "%3B",
    "admin",
    "public",
    "a",
    "%2561",
    "%20",
]


def spellings() -> Iterator[str]:
    """Thousands of short paths of hostile pieces."""
    for length in range(1, 5):
        for pieces in itertools.product(PIECES, repeat=length):
            yield "/" + "".join(pieces)


def readings(path: str) -> Iterator[str]:
    """What servers make of a path: decoded or not, parameters cut or not, segments trimmed or not, slashes
    merged, dots resolved.
    """
    for times, cuts, merges, trims in itertools.product((0, 1, 2), *[(True, False)] * 3):
        read = path
        for _ in range(times):
            read = re.sub(";[^/]*", "", read) if cuts else read
            read = unquote(read).replace("\\", "/")
        read = re.sub(";[^/]*", "", read) if cuts else read
        read = "/".join(one.strip() for one in read.split("/")) if trims else read
        yield resolved(re.sub("//+", "/", read) if merges else read)


def resolved(path: str) -> str:
    found: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del found[-1:]
        elif segment != ".":
            found.append(segment)
    return "/" + "/".join(found)


def as_envoy_sees(path: str) -> str:
    """Letters and dots decoded, dots resolved."""
    plain = re.sub("%(2[eEdD]|[46][1-9a-fA-F]|[57][0-9aA])", lambda found: unquote(found[0]), path)
    return resolved(plain)


def test_no_reading_of_a_path_that_passes_is_one_that_a_condition_guards() -> None:
    passes = re.compile(rf"(?!(?:{refused('as-sent')})\Z)")
    condition = path_regex.over_targets("/admin(/.*)?")

    missed = [
        (path, reading)
        for path in map(as_envoy_sees, spellings())
        if passes.match(path) and regex.captures(condition, path) is None
        for reading in readings(path)
        if re.fullmatch("/admin(/.*)?", reading)
    ]

    assert missed[:5] == []


@pytest.mark.parametrize(
    "rule", ["/v1(/.*)", "/v1/(.*)", "/v1(/a|/b)", "/(a|/b)", "(/?.*)", "(.*)-(.*)", "/a(/b)?"]
)
@pytest.mark.parametrize("destination", ["", "/x", "/x/"])
def test_every_path_that_a_route_takes_can_be_rewritten(rule: str, destination: str) -> None:
    groups = CapturedGroups("/s", rule)
    takes, pattern = (
        f"/s(?:{groups.over(rule)})",
        groups.action(destination)["regex_rewrite"]["pattern"]["regex"],
    )
    pieces = ["/", "//", "%2F", "v1", "a", "b", "-"]
    paths = [
        "/s" + "".join(one) for length in range(1, 6) for one in itertools.product(pieces, repeat=length)
    ]

    taken = [path for path in paths if regex.captures(takes, path) is not None]

    assert taken
    assert [path for path in taken if regex.captures(pattern, path) is None] == []


def test_destination_that_leads_out_is_refused(gateway: Gateway) -> None:
    for destination in ("/x/..", "/x/%2e%2e;/y", "//x", "/x/;y", "/x%2"):
        ack = gateway.apply(api("/api", None, destination))

        assert "different ways" in ack.resources[0].reason
