"""Health Check: asks an upstream in the background whether it is well."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from policies.compiled import Compiled, Scope
from policies.policy import Category, Phase, Policy, PolicyConfig

NAME = "health-check"


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f'"{text}" does not start with "/"; write /{text}')
    if not (text.isascii() and text.isprintable()) or " " in text or "#" in text:
        raise ValueError("holds a character that a path may not; write it percent-encoded")
    return text


class Config(PolicyConfig):
    path: Annotated[str, AfterValidator(_path)] = Field(
        max_length=1024, title="Path", description="Asked with GET of the upstream's own address: /health"
    )
    status_code: int = Field(
        200, ge=200, le=599, title="Status of a good answer", description="Any other is a bad one."
    )
    interval_in_seconds: int = Field(
        60,
        ge=1,
        le=3600,
        title="Ask every",
        description="How often each replica asks.",
        json_schema_extra={"format": "duration-s"},
    )
    timeout_in_seconds: int = Field(
        2,
        ge=1,
        le=60,
        title="Answer within",
        description="An answer that is later is a bad one.",
        json_schema_extra={"format": "duration-s"},
    )
    unhealthy_after: int = Field(
        2,
        ge=1,
        le=100,
        title="Unhealthy after",
        description="So many bad answers, one after the other. The very first answer decides alone.",
    )
    healthy_after: int = Field(
        1, ge=1, le=100, title="Healthy after", description="So many good answers, one after the other."
    )
    refuse_while_unhealthy: bool = Field(
        False,
        title="Refuse requests while it is unhealthy",
        description="Answers 503 at once instead of sending requests that will most likely fail.",
    )


def compile(config: Config, scope: Scope) -> Compiled:
    interval = f"{config.interval_in_seconds}s"
    status = {"start": config.status_code, "end": config.status_code + 1}
    check = {
        "timeout": f"{config.timeout_in_seconds}s",
        "interval": interval,
        # Else Envoy asks an upstream that nobody has called yet once a minute.
        "no_traffic_interval": interval,
        "unhealthy_threshold": config.unhealthy_after,
        "healthy_threshold": config.healthy_after,
        "always_log_health_check_failures": True,
        "http_health_check": {"path": config.path, "expected_statuses": [status]},
    }
    # One of one host is unhealthy: below a threshold above 0 Envoy sends requests there all the same.
    panics: dict[str, Any] = {
        "healthy_panic_threshold": {"value": 0 if config.refuse_while_unhealthy else 100}
    }
    return Compiled(cluster={"health_checks": [check], "common_lb_config": panics})


POLICY = Policy(
    name=NAME,
    title="Health Check",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.LIMIT,
    summary="Asks an upstream in the background whether it is well, and may refuse requests while it is not.",
    version="1.0.1",
    config=Config,
    compile=compile,
    aliases=("health-check-flex",),
    unobservable="while it does not refuse, it asks and tells all the same",
    is_resource_level=False,
    is_outbound=True,
    says_setting="healthCheck",
    is_applied_once=True,
    icon="activity",
)
