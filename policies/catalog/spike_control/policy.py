"""Spike Control: smooths bursts. What is beyond the limit waits and tries again before it is refused."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from policies.catalog.spike_control import spikes
from policies.catalog.spike_control.admitted import Spikes
from policies.compiled import TYPE_URL, Compiled, Filter, Scope, Script
from policies.expression.lua import Value
from policies.memory import shared_file
from policies.policy import Category, Phase, Policy, PolicyConfig
from policies.scripting.script import script
from policies.traits import Advice, Limit

NAME = "spike-control"
HOUR_MS = 3_600_000
_FILES = [shared_file.LUA, *(Path(__file__).with_name(name) for name in ("spike.lua", "policy.lua"))]
_HEADERS = Path(__file__).with_name("headers.lua")
_FAULT = TYPE_URL + "envoy.extensions.filters.http.fault.v3.HTTPFault"


class Config(PolicyConfig):
    maximum_requests: int = Field(
        1,
        ge=1,
        le=spikes.MOST_REQUESTS,
        title="Requests",
        description="How many requests pass in any window of the time period.",
    )
    time_period_in_milliseconds: int = Field(
        1000,
        ge=1,
        le=HOUR_MS,
        title="Time period",
        description="The length of the window, which slides: it begins anew with each request.",
        json_schema_extra={"format": "duration-ms", "examples": [1000, 60000]},
    )
    delay_time_in_millis: int = Field(
        1000,
        ge=1,
        le=60_000,
        title="Delay",
        description="How long a request that is beyond the limit waits before it tries again.",
        json_schema_extra={"format": "duration-ms"},
    )
    delay_attempts: int = Field(
        1,
        ge=0,
        le=5,
        title="Attempts after a delay",
        description="How often it waits and tries again; then it is refused. 0 refuses at once.",
    )
    queuing_limit: int = Field(
        0,
        ge=0,
        le=spikes.MOST_WAITING,
        title="Waiting requests at most",
        description=f"What is beyond is refused at once. 0: as many as can, {spikes.MOST_WAITING}.",
    )
    expose_headers: bool = Field(
        False,
        title="Tell callers their quota",
        description="Adds X-Ratelimit-Limit, X-Ratelimit-Remaining and X-Ratelimit-Reset (in ms) "
        "to every answer.",
    )
    distributed: bool = Field(
        False,
        title="Share among replicas",
        description="Replicas count together where the gateway has shared storage: what they let pass above"
        " the limit is what is asked for in a tenth of a second. Otherwise each counts for itself.",
    )


def compile(config: Config, scope: Scope) -> Compiled:
    # Nobody waits where nothing is refused.
    attempts = 0 if scope.observed_as else config.delay_attempts
    filters: list[Filter | Script] = []
    for attempt in range(attempts + 1):
        if attempt:
            filters.append(_delay(scope, attempt))
        filters.append(_script(config, scope, attempt, attempts))
    return Compiled(tuple(filters))


def _script(config: Config, scope: Scope, attempt: int, attempts: int) -> Script:
    shares = config.distributed and scope.shares_counts
    settings: dict[str, Value] = {
        "binding": scope.binding,
        **spikes.settings(scope.state, shared_as=scope.binding if shares else ""),
        "maximum": config.maximum_requests,
        "group": spikes.group_of(config.maximum_requests),
        "period": config.time_period_in_milliseconds,
        "delay": config.delay_time_in_millis,
        "queue": config.queuing_limit or spikes.MOST_WAITING,
        "attempt": attempt,
        "attempts": attempts,
        "expose_headers": config.expose_headers,
    }
    # One of them tells callers; the first, which every request passes.
    tells = config.expose_headers and not attempt
    return script(scope, NAME, [*_FILES, *([_HEADERS] if tells else [])], settings, sees_response=tells)


def _delay(scope: Scope, attempt: int) -> Filter:
    """Waits for as long as a header of ours says, which nobody else can set: the script before removes it."""
    delay = {"header_delay": {}, "percentage": {"numerator": 100}}
    typed = {"@type": _FAULT, "delay": delay, "disable_downstream_cluster_stats": True}
    return Filter(f"{scope.binding}.{attempt}", typed)


def limits(config: Config) -> Iterator[Limit]:
    yield Limit(config.maximum_requests, config.time_period_in_milliseconds)


def advice(config: Config) -> Iterator[Advice]:
    if config.delay_attempts:
        return
    if config.queuing_limit:
        yield Advice("queuingLimit", "does nothing while no request waits: there are no attempts")
    if config.delay_time_in_millis != Config.model_fields["delay_time_in_millis"].default:
        yield Advice("delayTimeInMillis", "does nothing while no request waits: there are no attempts")


POLICY = Policy(
    name=NAME,
    title="Spike Control",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.LIMIT,
    summary="Smooths bursts: requests beyond a limit wait and try again before they are refused.",
    version="1.2.2",
    config=Config,
    compile=compile,
    advice=advice,
    aliases=("spike-control-flex",),
    limits=limits,
    prepare=spikes.prepare,
    shares=Spikes,
    distributes=lambda config: config.distributed,
    refuses=True,
    icon="chart-line",
    acts_on_responses=lambda config: config.expose_headers,
)
