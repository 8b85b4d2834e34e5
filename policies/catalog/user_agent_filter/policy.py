"""User Agent Filter: refuses callers by what their User-Agent says."""

from collections.abc import Iterator
from typing import Any, Self

from pydantic import Field, model_validator

from policies import apart, repeats
from policies.compiled import TYPE_URL, Compiled, Scope
from policies.envoy.refusal import details, refusing
from policies.fields.patterns import Patterns, anywhere
from policies.policy import Category, Phase, Policy, PolicyConfig, fault
from policies.traits import Advice, Refusal

NAME = "user-agent-filter"
_HEADER = {
    "name": "user-agent",
    "typed_config": {
        "@type": TYPE_URL + "envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
        "header_name": "user-agent",
    },
}
_REASON = """'user-agent: "' .. (handle:headers():get("user-agent") or "") .. '" is not let in'"""


class Config(PolicyConfig):
    denied: Patterns = Field(
        (),
        title="Denied",
        description="Regular expressions, found anywhere in the User-Agent, in upper or lower case: curl, "
        "(bot|crawler|spider).",
    )
    allowed: Patterns = Field(
        (),
        title="Allowed",
        description="What is let in although a denied expression is found: Googlebot. With nothing denied, "
        "only what is found here is let in.",
    )
    refuse_missing: bool = Field(
        False, title="Refuse callers without one", description="Requests without the header User-Agent."
    )

    @model_validator(mode="after")
    def _refuses_something(self) -> Self:
        if not self.denied and not self.allowed and not self.refuse_missing:
            raise fault("denied", "deny or allow something, or refuse callers without a User-Agent")
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    return Compiled((refusing(scope, NAME, _REASON, _refused(config)),))


def _refused(config: Config) -> dict[str, Any]:
    """The predicate of what is refused; where there is no header, no pattern is found in it."""
    has_one = _is(anywhere((".",)))
    found = _is(anywhere(config.denied)) if config.denied else has_one
    if not config.denied and not config.allowed:
        found = _not(has_one)
    elif config.allowed:
        found = {"and_matcher": {"predicate": [found, _not(_is(anywhere(config.allowed)))]}}
    if config.refuse_missing and (config.denied or config.allowed):
        found = {"or_matcher": {"predicate": [_not(has_one), found]}}
    return found


def _is(matcher: dict[str, Any]) -> dict[str, Any]:
    return {"single_predicate": {"input": _HEADER, "value_match": matcher}}


def _not(predicate: dict[str, Any]) -> dict[str, Any]:
    return {"not_matcher": predicate}


def advice(config: Config) -> Iterator[Advice]:
    allowed = {_same(pattern) for pattern in config.allowed}
    for pattern in config.denied:
        if _same(pattern) in allowed:
            yield Advice("denied", f'"{pattern}" is allowed, too: it refuses nobody')
            return
    for field, patterns in (("denied", config.denied), ("allowed", config.allowed)):
        if message := repeats.told(map(_same, patterns)):
            yield Advice(field, message)


def _same(pattern: str) -> str:
    r"""Case says nothing but behind a backslash: \s and \S."""
    return pattern if "\\" in pattern else pattern.lower()


POLICY = Policy(
    name=NAME,
    title="User Agent Filter",
    category=Category.SECURITY,
    phase=Phase.AUTHORIZE,
    summary="Refuses bots, scrapers and other programs by their User-Agent.",
    version="1.0.0",
    config=Config,
    compile=compile,
    advice=advice,
    aliases=("user-agent-filter-flex",),
    refusals=(Refusal(details(NAME), 'user-agent: "{user_agent}" is not let in'),),
    reads_apart={"denied": apart.patterns, "allowed": apart.patterns},
    refuses=True,
    icon="shield-ban",
)
