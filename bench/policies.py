"""What each policy of the catalog costs a request: the CPU time that Envoy takes more than without it.

A policy's `cost.yaml` says with which configuration (`given`), `headers` and `body`, and among which
`contracts`; `answers` is the JSON of a server at PROVIDER that the configuration names. It is the only policy
of its API, and its requests pass; with `signed_with` they are signed. With `remembered` it is measured once
more, with these settings beside: then it asks nobody, and remembers. COUNTRIES is a database in which this
machine is in Germany, DIRECTORY one of people over LDAP. One without the file is not measured. Where it says
`hits: true` its requests ask no upstream, and all that they take is told, not what they take more. `because`
says of one that takes much what takes it, for its card.
"""

import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from typing import Any

import httpx
import yaml

from bench import load, report, rivals, signing
from bench.processes import Cores, Failed, cpu_seconds, free_port, running, wait_for
from bench.throughput import CONNECTIONS
from policies import catalog, cost
from policies.policy import Policy
from tests.policies import directory, geo_database

PLAIN = "plain"
API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: $name}
spec: {address: "http://127.0.0.1:$port/$name"}
---
apiVersion: gatewright.dev/v1alpha1
kind: Service
metadata: {name: $name}
spec: {address: "$upstream"}
---
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: "$name-way"}
spec: {targetRef: {name: $name}, policyRef: {name: route}, config: {destinationRef: {name: $name}}}
---
"""


@dataclass(frozen=True, eq=False)
class Measured:
    """`told` is the cost.yaml, `name` the API's; a policy of None stands for the API without one."""

    name: str
    policy: Policy[Any] | None
    told: Mapping[str, Any]
    is_remembered: bool = False

    @property
    def title(self) -> str:
        title = self.policy.title if self.policy else self.name
        more = ", a hit in all" if self.is_hit else ", remembered" if self.is_remembered else ""
        return f"{title}{more}"

    @property
    def is_hit(self) -> bool:
        return bool(self.told.get("hits"))

    @property
    def without(self) -> str:
        """What stands for the same request, with its headers and its body, without a policy."""
        return f"{PLAIN} {sorted(self.headers.items())} {self.body}" if self.headers or self.body else PLAIN

    @cached_property
    def headers(self) -> Mapping[str, str]:
        given: Mapping[str, str] = self.told.get("headers", {})
        key = self.told.get("signed_with")
        return {**given, **signing.headers("GET", f"/{self.name}/", key)} if key else given

    @property
    def body(self) -> str:
        return str(self.told.get("body", ""))

    def resources(self, port: int, upstream: str, **places: str) -> str:
        text = Template(API).substitute(name=self.name, port=port, upstream=upstream)
        if self.policy is None:
            return text
        kind = "Service" if self.policy.is_outbound else "ApiInstance"
        spec: dict[str, Any] = {
            "targetRef": {"kind": kind, "name": self.name},
            "policyRef": {"name": self.policy.name},
        }
        plain = {"apiVersion": "gatewright.dev/v1alpha1"}
        spec["config"] = self.told["given"]
        documents = [
            {**plain, "kind": "PolicyBinding", "metadata": {"name": f"{self.name}-own"}, "spec": spec}
        ]
        documents += [
            {
                **plain,
                "kind": "Contract",
                "metadata": {"name": f"{self.name}-{number}"},
                "spec": {"apiId": self.name, **one},
            }
            for number, one in enumerate(self.told.get("contracts", ()))
        ]
        own = "".join(f"{json.dumps(one)}\n---\n" for one in documents)
        for name, place in {"UPSTREAM": upstream, **places}.items():
            own = own.replace(name, place)
        return text + own


def measure(folder: Path, *, quick: bool, rounds: int, only: str = "") -> None:
    cores, seconds = Cores.of_this_machine(), 1 if quick else 2
    plain, policies = Measured(PLAIN, None, {}), [one for one in measured() if only in one.name]
    costs: dict[str, list[float]] = {}
    with rivals.upstream(folder / "upstream", cores) as upstream, servers(folder, policies) as places:
        port = free_port()
        (folder / "conf.d").mkdir()
        address = f"http://127.0.0.1:{upstream.port}"
        text = "".join(one.resources(port, address, **places) for one in (plain, *policies))
        (folder / "conf.d" / "apis.yaml").write_text(text)
        command = ["taskset", "-c", ",".join(map(str, sorted(cores.proxy)))]
        command += [sys.executable, "-m", "gateways.agent.cli", "run", "--concurrency", "1"]
        command += ["--local", str(folder / "conf.d"), "--state", str(folder / "state")]
        environment = {"PYTHONPATH": str(Path(__file__).parents[1])}
        with running(command, folder=folder, environment=environment) as process:
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: _answers(url, plain), 60, "gateway", alive=process, log=folder / "out.log")
            for one in policies:
                if not _answers(url, one):
                    raise Failed(f"{one.name}: a request does not pass; mend its cost.yaml")
            for at in range(rounds):
                for one in policies[:: 1 if at % 2 else -1]:
                    if len(costs.setdefault(one.without, [])) == at:
                        same = replace(plain, told={"headers": one.headers, "body": one.body})
                        costs[one.without].append(_cost(folder, url, same, seconds))
                    costs.setdefault(one.name, []).append(_cost(folder, url, one, seconds))
                report.progress(f"round {at + 1} of {rounds}")
    _tell(costs, policies, quick=quick, rounds=rounds, is_part=bool(only))


@contextmanager
def servers(folder: Path, policies: list[Measured]) -> Iterator[dict[str, str]]:
    """Whom configurations name, by the word that stands for it."""
    (folder / "people").mkdir()
    with provider(policies) as answers, _people(folder) as people:
        yield {"PROVIDER": answers, "COUNTRIES": str(countries_in(folder)), "DIRECTORY": people.url}


def _people(folder: Path) -> AbstractContextManager[directory.Directory]:
    """In OpenLDAP where it is installed."""
    return (directory.slapd if directory.SLAPD else directory.ldaptor)(folder / "people")


def countries_in(folder: Path) -> Path:
    """A database of them, for the policy Geo Filter."""
    file = folder / "countries.mmdb"
    geo_database.write(file, {"127.0.0.0/8": "DE"})
    return file


@contextmanager
def provider(policies: list[Measured]) -> Iterator[str]:
    """A server that answers below each policy's name with the JSON of its cost.yaml."""
    base = ""

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            name = self.path.split("/")[1]
            told = next(one.told.get("answers") for one in policies if one.name == name)
            text = json.dumps(told).replace("PROVIDER", base).encode()
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: Any) -> None:
            """Requests are no news."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    base = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield base
    finally:
        server.shutdown()
        server.server_close()


def _tell(
    costs: Mapping[str, list[float]], policies: list[Measured], *, quick: bool, rounds: int, is_part: bool
) -> None:
    """The least of all rounds counts: a machine that others use too only ever adds to it."""
    least = {name: min(several) for name, several in costs.items()}
    rows: list[dict[str, Any]] = [
        {
            "policy": one.title,
            "CPU µs/request": least[one.name],
            "the same request without": least[one.without],
            "more": None if one.is_hit else least[one.name] - least[one.without],
            "most of all rounds": max(costs[one.name]),
        }
        for one in policies
    ]
    rows.sort(key=lambda row: -(row["more"] or 0))
    # Of some alone each may send headers, and so be compared with none that has no headers.
    plain = least.get(PLAIN) or min(least[one.without] for one in policies)
    title = f"Each policy alone; a request without any takes Envoy {plain:.1f} µs"
    report.tell("policies", title, rows, quick=quick, is_part=is_part, rounds=rounds, without=plain)
    if quick or is_part:
        return
    machine = report.machine()
    place = {"at": machine["at"][:10], "machine": f"{machine['cores']} cores, {machine['cpu']}"}
    cost.FILE.write_text(json.dumps({**place, **figures(least, policies)}, indent=2) + "\n")


def figures(least: Mapping[str, float], policies: Sequence[Measured]) -> dict[str, Any]:
    """What is kept of the microseconds by name, those of what stands for no policy among them."""
    more = {one: max(0.0, least[one.name] - least[one.without]) for one in policies if not one.is_hit}
    return {
        "without": round(least[PLAIN], 1),
        "microseconds": {one.name: round(each, 1) for one, each in more.items() if not one.is_remembered},
        "because": {
            one.policy.name: one.told["because"] for one in policies if one.policy and "because" in one.told
        },
        "remembered": {
            one.policy.name: round(each, 1) for one, each in more.items() if one.policy and one.is_remembered
        },
        "hits": {one.name: round(least[one.name], 1) for one in policies if one.is_hit},
    }


def measured() -> list[Measured]:
    found = []
    for policy in catalog.policies():
        file = catalog.FOLDER / policy.name.replace("-", "_") / "cost.yaml"
        if file.exists():
            told = yaml.safe_load(file.read_text())
            found.append(Measured(policy.name, policy, told))
            if more := told.get("remembered"):
                given = {"given": told["given"] | more}
                found.append(Measured(f"{policy.name}-remembered", policy, told | given, is_remembered=True))
    return found


def _cost(folder: Path, url: str, one: Measured, seconds: float) -> float:
    """Of Envoy alone: the agent beside it reads the log whatever the policies."""
    pid = int((folder / "state" / "envoy.pid").read_text())
    cores = Cores.of_this_machine().rest
    used = cpu_seconds(pid)
    done = load.wrk(
        f"{url}/{one.name}/",
        seconds=seconds,
        connections=CONNECTIONS,
        cores=cores,
        headers=one.headers,
        body=one.body,
    )
    if done.errors:
        raise Failed(f"{one.name}: {done.errors} requests did not pass")
    return 1e6 * (cpu_seconds(pid) - used) / max(1, done.requests)


def _answers(url: str, one: Measured) -> bool:
    method, address = "POST" if one.body else "GET", f"{url}/{one.name}/"
    try:
        done = httpx.request(method, address, headers=one.headers, content=one.body, trust_env=False)
        return done.status_code == 200
    except httpx.HTTPError:
        return False
