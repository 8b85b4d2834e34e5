"""CORS: tells browsers which sites may call the API."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from policies.compiled import Compiled, Scope
from policies.expression.lua import Value
from policies.fields.headers import HeaderName
from policies.policy import Category, Phase, Policy, PolicyConfig, at_most, fault
from policies.scripting.script import script
from policies.traits import Advice

NAME = "cors"
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9*._\-\[\]:]+", re.IGNORECASE)
HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
LONGEST_ORIGIN = 512
"""Bytes of an Origin that is looked at: a host's name has 253."""
MOST_GROUPS, MOST_ORIGINS, MOST_PATTERNS, MOST_HEADERS, MOST_METHODS = 50, 1000, 100, 100, 20
METHODS = ("CONNECT", "DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT", "TRACE")


def _checked_origin(origin: str) -> str:
    if len(origin) > LONGEST_ORIGIN:
        raise PydanticCustomError(
            "origin",
            "an origin has at most {most} characters; browsers send none that is longer",
            {"most": LONGEST_ORIGIN},
        )
    if origin != "*" and not ORIGIN.fullmatch(origin):
        host = HOST.search(origin)
        raise PydanticCustomError(
            "origin",
            '"{origin}" is not an origin; write scheme and host without a path, such as https://{host}, or *',
            {"origin": origin, "host": host.group() if host else "shop.example.com"},
        )
    return origin.lower()


Origin = Annotated[str, AfterValidator(_checked_origin)]


class AllowedMethod(PolicyConfig):
    method_name: Literal["CONNECT", "DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"] = Field(
        title="Method", description="HEAD counts as GET."
    )
    is_allowed: bool = Field(True, title="Allowed", description="Whether sites of this group may use it.")


class OriginGroup(PolicyConfig):
    name: str = Field("", title="Name", description="What this group of sites is called.")
    origins: Annotated[tuple[Origin, ...], at_most(MOST_ORIGINS, "origins")] = Field(
        title="Origins",
        description="Sites: https://shop.example.com, https://*.example.com, or * for every other site.",
    )
    access_control_max_age: int = Field(
        30,
        ge=0,
        title="Preflight lifetime",
        description="How long a browser may keep a preflight answer.",
        json_schema_extra={"format": "duration-s"},
    )
    allowed_methods: Annotated[tuple[AllowedMethod, ...], at_most(MOST_METHODS, "methods")] = Field(
        tuple(AllowedMethod.model_validate({"methodName": method}) for method in METHODS),
        title="Methods",
        description="The methods that these sites may use.",
    )
    headers: Annotated[tuple[HeaderName, ...], at_most(MOST_HEADERS, "headers")] = Field(
        (), title="Request headers", description="Headers that these sites may send; * is every header."
    )
    exposed_headers: Annotated[tuple[HeaderName, ...], at_most(MOST_HEADERS, "headers")] = Field(
        (), title="Exposed headers", description="Response headers that scripts of these sites may read."
    )


class Config(PolicyConfig):
    public_resource: bool = Field(
        True, title="Public resource", description="Any site may call, with any method and headers."
    )
    support_credentials: bool = Field(
        False,
        title="Support credentials",
        description="Browsers may send cookies and authentication. On a public resource every site on the "
        "internet could then act as the signed-in user.",
    )
    origin_groups: Annotated[tuple[OriginGroup, ...], at_most(MOST_GROUPS, "groups")] = Field(
        (),
        title="Origin groups",
        description="Which sites may do what, when the resource is not public.",
        json_schema_extra={"when": {"publicResource": [False]}},
    )

    @model_validator(mode="after")
    def _names_each_origin_once(self) -> Self:
        if self.public_resource:
            return self
        origins = [origin for group in self.origin_groups for origin in group.origins]
        if not origins:
            raise fault("originGroups", "name an origin, or make the resource public")
        if len(origins) > MOST_ORIGINS:
            raise fault("originGroups", f"there are {len(origins)} origins and {MOST_ORIGINS} at most")
        patterns = sum("*" in origin for origin in origins)
        if patterns > MOST_PATTERNS:
            raise fault("originGroups", f"{patterns} origins have a * and {MOST_PATTERNS} may")
        twice, count = Counter(origins).most_common(1)[0]
        if count > 1:
            raise fault("originGroups", f'origin "{twice}" is there twice; remove one')
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    groups = () if config.public_resource else config.origin_groups
    exact: dict[str, Value] = {}
    patterns: list[tuple[str, int]] = []
    for number, group in enumerate(groups, start=1):
        for origin in group.origins:
            if "*" in origin:
                patterns.append((origin, number))
            else:
                exact[origin] = number
    # The longest pattern is the most specific, and "*" alone the least.
    patterns.sort(key=lambda pattern: -len(pattern[0]))
    settings: dict[str, Value] = {
        "public": config.public_resource,
        "credentials": config.support_credentials,
        "exact": exact,
        "patterns": [{"parts": _parts(origin), "group": number} for origin, number in patterns],
        "groups": [_group(group) for group in groups],
        "longest_origin": LONGEST_ORIGIN,
    }
    files = [Path(__file__).with_name("policy.lua")]
    return Compiled((script(scope, NAME, files, settings, sees_response=True),))


def _parts(origin: str) -> list[str] | None:
    """What stands before, between and behind the * of an origin, each of which is parts of a host's name.

    None for an origin that is * alone, which everything matches.
    """
    return None if origin == "*" else origin.split("*")


def _group(group: OriginGroup) -> dict[str, Value]:
    methods = list(dict.fromkeys(one.method_name for one in group.allowed_methods if one.is_allowed))
    return {
        "is_allowed": dict.fromkeys([*methods, *(["HEAD"] if "GET" in methods else [])], True),
        "methods": ", ".join(methods),
        "headers": ", ".join(group.headers),
        "any_header": "*" in group.headers,
        "exposed": ", ".join(group.exposed_headers),
        "max_age": str(group.access_control_max_age),
    }


def advice(config: Config) -> Iterator[Advice]:
    groups = () if config.public_resource else config.origin_groups
    if config.support_credentials and (
        config.public_resource or any("*" in group.origins for group in groups)
    ):
        yield Advice(
            "supportCredentials",
            "lets every site on the internet act as whoever is signed in; name the sites in origin groups",
        )
    for at, group in enumerate(groups):
        names = Counter(one.method_name for one in group.allowed_methods)
        for name in (name for name, count in names.items() if count > 1):
            yield Advice(
                "originGroups", f"says {name} more than once; it is allowed where one of them allows it"
            )
        for field, reason in _idle(group, credentials=config.support_credentials):
            yield Advice(f"originGroups.{at}.{field}", reason)


def _idle(group: OriginGroup, *, credentials: bool) -> Iterator[tuple[str, str]]:
    if not group.origins:
        yield "origins", "names no site: what is said here is for none"
    if not any(one.is_allowed for one in group.allowed_methods):
        yield "allowedMethods", "allows no method: that is as if these sites were not named"
    for field, headers in (("headers", group.headers), ("exposedHeaders", group.exposed_headers)):
        if "*" in headers and len(set(headers)) > 1:
            yield field, "has * beside others, which do nothing then"
    if credentials and "*" in group.exposed_headers:
        yield "exposedHeaders", "has *, which browsers take for a name where credentials are sent"


POLICY = Policy(
    name=NAME,
    title="CORS",
    category=Category.COMPLIANCE,
    phase=Phase.CORS,
    summary="Tells browsers which sites may call the API, and answers their preflight requests.",
    version="1.3.2",
    config=Config,
    compile=compile,
    advice=advice,
    aliases=("cors-flex",),
    answers_preflights=True,
    is_resource_level=False,
    icon="globe",
    acts_on_responses=lambda config: True,
)
