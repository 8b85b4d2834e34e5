"""Injection Protection: SQL, scripts and what else a user describes never reach the upstream in a request."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

import re2
from pydantic import AfterValidator, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from policies import apart
from policies.apart import is_unread
from policies.catalog.injection_protection.attacks import EXPRESSIONS, BuiltIn
from policies.compiled import TYPE_URL, Compiled, Filter, Scope
from policies.fields.headers import CONNECTION, HeaderName
from policies.fields.patterns import Pattern
from policies.fields.shapes import shaped
from policies.policy import Category, Phase, Policy, PolicyConfig, at_most, fault
from policies.scripting.script import BODY, script
from policies.traits import Advice

NAME = "injection-protection"
_NAME = shaped(
    r"^[A-Za-z0-9][A-Za-z0-9 _.-]*\Z",
    "is no name; write letters, digits, blanks, . _ or -, such as path-traversal",
)
NOTHING = "nothing"
TOGETHER = 12
"""Expressions asked at once. RE2 falls back to a way ten times slower where one of many has too many states:
of all together, the worst text of 1 MB took 330 ms, of twelve 90 ms.
"""
MOST_CUSTOM, MOST_HEADERS = 20, 50
_LOOK = [BODY, *(Path(__file__).with_name(name) for name in ("decode.lua", "collect.lua", "policy.lua"))]
_REFUSE = [Path(__file__).with_name("refuse.lua")]
_HTTP = TYPE_URL + "envoy.extensions.filters.http."
_MATCHING = TYPE_URL + "envoy.extensions.matching."
_WHOLE_TEXT = re2.compile(r"(?:^|[^\\])(?:\\\\)*\\[Az]")


def _checked(pattern: str, info: ValidationInfo) -> str:
    if is_unread(info):
        return pattern
    if _WHOLE_TEXT.search(pattern):
        raise PydanticCustomError("pattern", r"write ^ and $ for the ends of a value, not \A and \z")
    if re2.search(f"(?m:{pattern})", ""):
        raise PydanticCustomError(
            "pattern", "this expression is found in every text, and would refuse every request"
        )
    return pattern


class CustomProtection(PolicyConfig):
    name: Annotated[str, Field(max_length=60), _NAME] = Field(
        title="Name", description="Stands in the log where it refuses: path-traversal."
    )
    regex: Annotated[Pattern, AfterValidator(_checked)] = Field(
        title="Expression",
        description="An RE2 regular expression that is looked for anywhere in each decoded value: "
        r"\.\./|(?i)/etc/passwd.",
    )


class Config(PolicyConfig):
    built_in_protections: Annotated[tuple[BuiltIn, ...], at_most(len(BuiltIn), "protections")] = Field(
        tuple(BuiltIn),
        title="Built-in protections",
        description="What is looked for: SQL injection, scripts for browsers (XSS).",
        json_schema_extra={"labels": {"sql": "SQL injection", "xss": "Cross-site scripting"}},
    )
    custom_protections: Annotated[tuple[CustomProtection, ...], at_most(MOST_CUSTOM, "expressions")] = Field(
        (),
        title="Expressions of your own",
        description="Each has a name, which the log tells.",
        json_schema_extra={"maxItems": MOST_CUSTOM, "row": "expression"},
    )
    protect_path_and_query: bool = Field(
        True, title="Path and query", description="Whether they are looked at, names and values."
    )
    protect_headers: bool = Field(False, title="Headers", description="Whether they are looked at.")
    headers_to_protect: Annotated[tuple[HeaderName, ...], at_most(MOST_HEADERS, "headers")] = Field(
        (),
        title="Which headers",
        description="Their names: referer, x-forwarded-for. None: all headers, cookies among them.",
        json_schema_extra={"when": {"protectHeaders": [True]}, "maxItems": MOST_HEADERS},
    )
    protect_body: bool = Field(
        False,
        title="Body",
        description="Whether it is looked at: forms, JSON and XML by their values, texts as they are.",
    )
    reject_requests: bool = Field(
        True,
        title="Refuse requests",
        description="Whether a request is refused in which something is found; if not, the log tells.",
    )

    @model_validator(mode="after")
    def _protects_something(self) -> Self:
        if not self.built_in_protections and not self.custom_protections:
            raise fault("builtInProtections", "choose a protection, or write an expression of your own")
        if not (self.protect_path_and_query or self.protect_headers or self.protect_body):
            raise fault("protectPathAndQuery", "choose what is looked at: path and query, headers, or body")
        names = [one.name for one in self.custom_protections]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise fault("customProtections", f'two expressions are called "{twice}"; call one otherwise')
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    if not config.reject_requests:
        scope = scope.observing
    namespace = f"gatewright.{scope.binding}"
    looked_at = {
        "url": config.protect_path_and_query,
        "headers": config.protect_headers,
        "body": config.protect_body,
    }
    names = [name.lower() for name in config.headers_to_protect] or None
    words_pass = not config.custom_protections
    settings = {"namespace": namespace, **looked_at, "names": names, "words_pass": words_pass}
    look = script(scope, NAME, _LOOK, settings)
    places = [place for place, is_looked_at in looked_at.items() if is_looked_at]
    find = Filter(scope.binding, _finding(namespace, places, _protections(config)))
    refuse = script(
        scope, NAME, _REFUSE, {"noted": f"{namespace}shadow_effective_policy_id", "nothing": NOTHING}
    )
    return Compiled((look, find, refuse))


def _protections(config: Config) -> list[tuple[str, str, list[str]]]:
    """The word that refusals are counted by, what was found, and the expressions."""
    built_in = [
        (one.value, one.value.upper(), [f"(?i:{it})" for it in EXPRESSIONS[one]])
        for one in dict.fromkeys(config.built_in_protections)
    ]
    return [*built_in, *(("custom", one.name, [one.regex]) for one in config.custom_protections)]


def _finding(
    prefix: str, places: Iterable[str], protections: list[tuple[str, str, list[str]]]
) -> dict[str, Any]:
    """A filter that lets everything pass, and notes the first protection that finds something, in the first
    place where one does.

    A place is asked for all protections at once, so that what is harmless is asked once.
    """
    every = [expression for *_, expressions in protections for expression in expressions]
    matchers = []
    for place in places:
        notes = [
            _entry(
                _is(prefix, place, expressions),
                _noting(f"{check}: {found} is found in the {_PLACES[place]}"),
            )
            for check, found, expressions in protections
        ]
        found = {"matcher": {"matcher_list": {"matchers": notes}}}
        matchers.append(_entry(_is(prefix, place, every), found))
    return {
        "@type": _HTTP + "rbac.v3.RBAC",
        "shadow_matcher": {"matcher_list": {"matchers": matchers}, "on_no_match": _noting("")},
        "shadow_rules_stat_prefix": prefix,
    }


_PLACES = {"url": "path or query", "headers": "headers", "body": "body"}


def _entry(predicate: Mapping[str, Any], on_match: Mapping[str, Any]) -> dict[str, Any]:
    return {"predicate": predicate, "on_match": on_match}


def _is(namespace: str, place: str, expressions: Sequence[str]) -> dict[str, Any]:
    """That one of the expressions is found in the place's text, whose values are lines."""
    groups = [expressions[at : at + TOGETHER] for at in range(0, len(expressions), TOGETHER)]
    each = [_finds(namespace, place, "|".join(f"(?:{one})" for one in group)) for group in groups]
    return each[0] if len(each) == 1 else {"or_matcher": {"predicate": each}}


def _finds(namespace: str, place: str, expression: str) -> dict[str, Any]:
    source = {
        "@type": _MATCHING + "common_inputs.network.v3.DynamicMetadataInput",
        "filter": namespace,
        "path": [{"key": place}],
    }
    value = {"string_match": {"safe_regex": {"regex": f"(?s:.*)(?m:{expression})(?s:.*)"}}}
    matcher = {"@type": _MATCHING + "input_matchers.metadata.v3.Metadata", "value": value}
    return {
        "single_predicate": {
            "input": {"name": place, "typed_config": source},
            "custom_match": {"name": place, "typed_config": matcher},
        }
    }


def _noting(reason: str) -> dict[str, Any]:
    """Without a reason that there is nothing to refuse."""
    action = {
        "@type": TYPE_URL + "envoy.config.rbac.v3.Action",
        "name": reason or NOTHING,
        "action": "DENY" if reason else "ALLOW",
    }
    return {"action": {"name": "note", "typed_config": action}}


_GONE = CONNECTION - {"content-length"}


def advice(config: Config) -> Iterable[Advice]:
    if not config.reject_requests:
        yield Advice("rejectRequests", "requests pass whatever is found in them; the log tells of it")
    gone = next((name for name in config.headers_to_protect if name.lower() in _GONE), "")
    if config.protect_headers and gone:
        yield Advice("headersToProtect", f'has "{gone}", which holds for one connection and is gone before')


POLICY = Policy(
    name=NAME,
    title="Injection Protection",
    category=Category.SECURITY,
    phase=Phase.PROTECT,
    summary="Refuses requests that carry SQL, scripts, or what an expression of yours describes.",
    version="1.0.0",
    config=Config,
    compile=compile,
    aliases=("injection-protection-flex",),
    advice=advice,
    reads_apart={"customProtections": apart.patterns},
    refuses=True,
    icon="shield-ban",
)
