"""Rate Limiting: so many requests in so much time, counted exactly."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from policies.compiled import Compiled, Scope
from policies.counting import shared_memory
from policies.counting.exchange import CountExchange
from policies.expression.lua import Value
from policies.expression.nodes import Literal, said_by_caller, varies
from policies.fields.expressions import RequestExpression, written
from policies.policy import Category, Phase, Policy, PolicyConfig, at_most
from policies.scripting.script import script
from policies.traits import Advice, Limit

NAME = "rate-limiting"
FILE = Path(__file__).with_name("policy.lua")
YEAR_MS = 366 * 24 * 3600 * 1000


class RateLimit(PolicyConfig):
    maximum_requests: int = Field(
        ge=1, le=2**31 - 1, title="Requests", description="How many requests pass in one time period."
    )
    time_period_in_milliseconds: int = Field(
        ge=1,
        le=YEAR_MS,
        title="Time period",
        description="The window's length. A window starts with its first request.",
        json_schema_extra={"format": "duration-ms", "examples": [1000, 60000, 3600000]},
    )


def _checked(limits: tuple[RateLimit, ...]) -> tuple[RateLimit, ...]:
    if not limits:
        raise PydanticCustomError("empty", "add at least one limit")
    return limits


class Config(PolicyConfig):
    rate_limits: Annotated[tuple[RateLimit, ...], at_most(8, "limits"), AfterValidator(_checked)] = Field(
        title="Limits",
        description="Of several limits all must have quota left; a refused request uses none.",
        json_schema_extra={"minItems": 1, "maxItems": 8},
    )
    key_selector: RequestExpression | None = Field(
        None,
        title="Count separately by",
        description="Requests are counted for each value of this expression, such as "
        "#[attributes.remoteAddress]. Empty: one count for the whole API.",
    )
    expose_headers: bool = Field(
        False,
        title="Tell callers their quota",
        description="Adds X-Ratelimit-Limit, X-Ratelimit-Remaining and X-Ratelimit-Reset (in ms) "
        "to every answer.",
    )
    clusterizable: bool = Field(
        True,
        title="Share between replicas",
        description="Replicas count together where the gateway has shared storage: what they let pass above"
        " the limit is what is asked for in some 20 ms. Each counts for itself otherwise.",
    )
    block_on_unknown_quota: bool = Field(
        True,
        title="Refuse when the quota is unknown",
        description="Whether a request is refused (503) or passes when its counter cannot be read.",
    )


def compile(config: Config, scope: Scope) -> Compiled:
    key = config.key_selector
    # Limits of one period share a counter, so only the strictest of them can ever matter.
    limits: dict[int, int] = {}
    for limit in config.rate_limits:
        period = limit.time_period_in_milliseconds
        limits[period] = min(limit.maximum_requests, limits.get(period, limit.maximum_requests))
    settings: dict[str, Value] = {
        **shared_memory.settings(scope, clusterizable=config.clusterizable),
        "limits": [{"maximum": maximum, "period": period} for period, maximum in limits.items()],
        "key": key.lua if key and key.text.strip() else None,
        "expose_headers": config.expose_headers,
        "block_on_unknown_quota": config.block_on_unknown_quota,
    }
    files = shared_memory.files(FILE, scope, exposes=config.expose_headers)
    found = script(scope, NAME, files, settings, evaluates=True, sees_response=config.expose_headers)
    return Compiled((found,))


def advice(config: Config) -> Iterator[Advice]:
    key = config.key_selector
    if key is None or not key.text.strip():
        return
    if not varies(key.node):
        told = "is one text for all requests, which share one count; an expression is written"
        text = str(key.node.value) if isinstance(key.node, Literal) else ""
        yield Advice("keySelector", f"{told} {written(text, 'x-user')}")
    elif name := said_by_caller(key.node):
        yield Advice(
            "keySelector",
            f"{name} is whatever the caller says: another value is counted anew; #[attributes.remoteAddress]"
            " and #[authentication.principal] are not the caller's to choose",
        )


def limits(config: Config) -> Iterator[Limit]:
    key = config.key_selector.text.strip() if config.key_selector else ""
    for one in config.rate_limits:
        yield Limit(
            one.maximum_requests,
            one.time_period_in_milliseconds,
            key,
            is_shared=config.clusterizable,
            is_certain=config.block_on_unknown_quota,
        )


POLICY = Policy(
    name=NAME,
    title="Rate Limiting",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.LIMIT,
    summary="Lets a fixed number of requests pass in each time period, for the API or for each caller.",
    version="1.4.1",
    config=Config,
    compile=compile,
    advice=advice,
    aliases=("rate-limiting-flex",),
    limits=limits,
    prepare=shared_memory.prepare,
    shares=CountExchange,
    refuses=True,
    icon="gauge",
    acts_on_responses=lambda config: config.expose_headers,
)
