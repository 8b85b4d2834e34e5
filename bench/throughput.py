"""Throughput and latency through Gatewright, bare Envoy, and others, one proxy thread each."""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from bench import bare_envoy, load, report, rivals
from bench.load import Load
from bench.processes import (
    PROJECT,
    Cores,
    Failed,
    RunningProxy,
    family_cpu_seconds,
    free_port,
    interpreter,
    running,
    wait_for,
)

CONNECTIONS = 32
ALIKE = "Envoy, our access log, callers and retries"
CREDENTIALS = base64.b64encode(f"{rivals.USER}:{rivals.PASSWORD}".encode()).decode()

RESOURCES = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {{name: {name}}}
spec:
  address: http://127.0.0.1:{port}/{name}
  services:
    backend:
      address: http://127.0.0.1:{upstream_port}/
      routes: [{{}}]
  policies: {policies}
---
"""
POLICIES = f"""
    - policyRef: {{name: ip-allowlist}}
      config: {{ips: ['127.0.0.0/8'], ipExpression: '#[attributes.remoteAddress]'}}
    - policyRef: {{name: http-basic-authentication}}
      config: {{username: {rivals.USER}, password: {rivals.PASSWORD}}}
    - policyRef: {{name: rate-limiting}}
      config: {{rateLimits: [{{maximumRequests: 2000000000, timePeriodInMilliseconds: 3600000}}]}}
"""


@dataclass(frozen=True)
class Contender:
    """One proxy of one round."""

    name: str
    place: RunningProxy
    path: str = "/"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.place.port}{self.path}"

    @property
    def is_guarded(self) -> bool:
        return "basic auth" in self.name

    @property
    def is_alike(self) -> bool:
        """Whether it does for every request what this release does."""
        return self.name == ALIKE or (self.name.startswith("Gatewright") and "beside" not in self.name)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Basic {CREDENTIALS}"} if self.is_guarded else {}

    def load(self, seconds: float, connections: int, cores: frozenset[int]) -> Load:
        return load.wrk(self.url, seconds=seconds, connections=connections, cores=cores, headers=self.headers)


@dataclass
class ProxyResult:
    """Of one proxy in all rounds. `costs` is processor time for each request, in microseconds."""

    loads: list[Load] = field(default_factory=list)
    alone: list[Load] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)

    def add(self, one: Contender, seconds: float, cores: frozenset[int]) -> None:
        """A turn, with all connections."""
        used = family_cpu_seconds(one.place.pid)
        whole = one.load(seconds, CONNECTIONS, cores)
        used = family_cpu_seconds(one.place.pid) - used
        self.loads.append(whole)
        self.costs.append(1e6 * used / max(1, whole.requests))

    def add_alone(self, one: Contender, seconds: float, cores: frozenset[int]) -> None:
        self.alone.append(one.load(seconds, 1, cores))


def measure(folder: Path, *, quick: bool, rounds: int) -> None:
    seconds = 2 if quick else 6
    found = taken(folder, rounds, seconds, _contenders)
    title = f"Throughput, one proxy thread, {CONNECTIONS} connections, medians of {rounds} rounds"
    report.tell("throughput", title, _rows(found), quick=quick, rounds=rounds, seconds=seconds)


def taken(
    folder: Path,
    rounds: int,
    seconds: float,
    of_round: Callable[[Path, Cores], AbstractContextManager[list[Contender]]],
    turns: int = 1,
) -> dict[str, ProxyResult]:
    """What each did, by its name: so many turns a round with all connections, and one with one."""
    cores = Cores.of_this_machine()
    found: dict[str, ProxyResult] = {}
    for number in range(rounds):
        # Each round with new processes: one that lies badly in memory is slower by a tenth all its life.
        with of_round(folder / str(number), cores) as contenders:
            for one in contenders:
                _check(one)
                one.load(1, CONNECTIONS, cores.rest)
                found.setdefault(one.name, ProxyResult())
            for turn in range(turns):
                report.progress(f"round {number + 1} of {rounds}, turn {turn + 1} of {turns}")
                # Every other turn backwards, so that nobody always follows the same neighbour.
                for one in contenders if (number + turn) % 2 == 0 else reversed(contenders):
                    found[one.name].add(one, seconds, cores.rest)
            for one in contenders:
                found[one.name].add_alone(one, max(1, seconds / 4), cores.rest)
    return found


def _rows(found: Mapping[str, ProxyResult]) -> list[Mapping[str, Any]]:
    middle = {name: load.middle(one.loads) for name, one in found.items()}
    bare = middle["Envoy"].requests_per_second
    logging = middle["Envoy, our access log"].requests_per_second
    alike = middle[ALIKE].requests_per_second
    return [
        {
            "proxy": name,
            "requests/s": round(middle[name].requests_per_second),
            "p50 ms": middle[name].p50_ms,
            "p99 ms": middle[name].p99_ms,
            "p50 ms, 1 connection": load.middle(one.alone).p50_ms,
            "CPU µs/request": median(one.costs),
            "of Envoy": middle[name].requests_per_second / bare,
            "of Envoy with log": middle[name].requests_per_second / logging,
            "of Envoy alike": middle[name].requests_per_second / alike,
            "errors": sum(run.errors for run in (*one.loads, *one.alone)),
            "spread": spread(one.loads),
        }
        for name, one in found.items()
    ]


def spread(loads: list[Load]) -> str:
    """The slowest and fastest round beside the median: how far the machine can be trusted."""
    speeds = [one.requests_per_second for one in loads]
    middle = load.middle(loads).requests_per_second
    return f"{min(speeds) / middle - 1:+.0%} {max(speeds) / middle - 1:+.0%}"


@contextmanager
def _contenders(folder: Path, cores: Cores) -> Iterator[list[Contender]]:
    """All of them run from start to end; those not under load sleep."""
    with ExitStack() as started:
        begin = started.enter_context
        upstream = begin(rivals.upstream(folder / "upstream", cores)).port
        envoy = begin(bare_envoy.envoy(folder / "envoy", upstream, cores))
        ours = begin(gatewright(folder / "gatewright", upstream, cores))
        traefik, traefik_guarded = begin(rivals.traefik(folder / "traefik", upstream, cores))
        caddy, caddy_guarded = begin(rivals.caddy(folder / "caddy", upstream, cores))
        yield [
            Contender("Envoy", envoy["alone"]),
            Contender("Envoy, our access log", envoy["logging"]),
            Contender(ALIKE, envoy["alike"]),
            Contender("Gatewright, no policy", ours, "/plain/"),
            Contender("Gatewright, IP rule + basic auth + rate limit", ours, "/guarded/"),
            Contender("Traefik", traefik),
            Contender("Traefik, IP rule + basic auth + rate limit + log", traefik_guarded),
            Contender("Caddy", caddy),
            Contender("Caddy, IP rule + basic auth + log", caddy_guarded),
            Contender("nginx", begin(rivals.nginx(folder / "nginx", upstream, cores))),
            Contender("HAProxy", begin(rivals.haproxy(folder / "haproxy", upstream, cores))),
        ]


@contextmanager
def gatewright(
    folder: Path, upstream_port: int, cores: Cores, project: Path = PROJECT
) -> Iterator[RunningProxy]:
    """A checkout in Local Mode with the APIs /plain and /guarded; the agent has Envoy's core too."""
    port = free_port()
    resources = folder / "conf.d"
    resources.mkdir(parents=True)
    (resources / "apis.yaml").write_text(
        "".join(
            RESOURCES.format(name=name, port=port, upstream_port=upstream_port, policies=policies)
            for name, policies in (("plain", "[]"), ("guarded", POLICIES))
        )
    )
    command = [interpreter(project), "-m", "gateways.agent.cli", "run", "--concurrency", "1"]
    command += ["--local", str(resources), "--state", str(folder / "state")]
    with running(
        ["taskset", "-c", ",".join(map(str, sorted(cores.proxy))), *command],
        folder=folder,
        environment={"PYTHONPATH": str(project)},
    ) as process:
        wait_for(lambda: _answers(port), 30, "gateway", alive=process, log=folder / "out.log")
        yield RunningProxy(port, process.pid)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/plain/", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _check(one: Contender) -> None:
    """It does what its name says, or the comparison is worth nothing."""
    told = httpx.get(one.url, headers=one.headers, trust_env=False)
    if told.status_code != 200 or told.text != rivals.BODY:
        raise Failed(f"{one.name} answers {told.status_code}: {told.text[:200]}")
    if one.is_alike and not ("x-request-id" in told.headers and told.headers["server"] == "gatewright"):
        raise Failed(f"{one.name} gives its answers no id, or another server's name")
    if one.is_guarded and httpx.get(one.url, trust_env=False).status_code != 401:
        raise Failed(f"{one.name} lets callers without a password through")
