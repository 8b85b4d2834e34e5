"""Header Removal: takes headers out of requests and responses."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Self

import re2
from pydantic import AfterValidator, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from policies import apart, repeats
from policies.apart import is_unread
from policies.compiled import TYPE_URL, Compiled, Filter, Scope
from policies.fields.headers import CONNECTION
from policies.policy import Category, Phase, Policy, PolicyConfig, at_most, fault
from policies.traits import Advice

NAME = "header-removal"
MOST_ENTRIES, MOST_CHARACTERS = 50, 256
KEPT = ("accept", "connection", "content-length", "content-type", "date", "host", "transfer-encoding")
PSEUDO = (":authority", ":method", ":path", ":scheme", ":status")
PLAIN = re.compile(r"[A-Za-z0-9_-]+")
OPTIONS = re2.Options()
OPTIONS.case_sensitive = False
OPTIONS.log_errors = False


def _checked(entry: str, info: ValidationInfo) -> str:
    if is_unread(info):
        return entry
    if not entry.strip():
        raise PydanticCustomError("header", "write a header's name or a regular expression")
    if len(entry) > MOST_CHARACTERS:
        raise PydanticCustomError(
            "header",
            "an entry has at most {most} characters, this one {count}",
            {"most": MOST_CHARACTERS, "count": len(entry)},
        )
    try:
        pattern = re2.compile(entry, OPTIONS)
    except re2.error as error:
        raise _error(
            entry,
            f"is not an RE2 regular expression: {error.args[0].decode()}; a name is letters, digits and -",
        ) from None
    kept = next((name for name in (*KEPT, *PSEUDO) if pattern.fullmatch(name)), None)
    if kept and kept.lower() == entry.lower():
        raise _error(entry, f"cannot be removed; nor can {', '.join(n for n in KEPT if n != kept)}")
    if kept:
        raise _error(entry, f'would remove "{kept}", which must stay; write a narrower one, such as x-.*')
    return entry


def _error(entry: str, reason: str) -> PydanticCustomError:
    return PydanticCustomError("header", '"{entry}" {reason}', {"entry": entry, "reason": reason})


Entries = Annotated[tuple[Annotated[str, AfterValidator(_checked)], ...], at_most(MOST_ENTRIES, "entries")]


class Config(PolicyConfig):
    inbound_headers: Entries = Field(
        (),
        title="Request headers",
        description="Names or regular expressions (x-internal-.*) of what the upstream does not get.",
    )
    outbound_headers: Entries = Field(
        (),
        title="Response headers",
        description="Names or regular expressions (x-internal-.*) of what the caller does not get.",
    )

    @model_validator(mode="after")
    def _has_a_header(self) -> Self:
        if not self.inbound_headers and not self.outbound_headers:
            raise fault("inboundHeaders", "name at least one request header or response header")
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    mutations = {
        "request_mutations": [_remove(entry) for entry in config.inbound_headers],
        "response_mutations": [_remove(entry) for entry in config.outbound_headers],
    }
    kind = TYPE_URL + "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
    return Compiled((Filter(scope.binding, {"@type": kind, "mutations": mutations}),))


def advice(config: Config) -> Iterator[Advice]:
    for field, entries in (
        ("inboundHeaders", config.inbound_headers),
        ("outboundHeaders", config.outbound_headers),
    ):
        if message := _idle(entries):
            yield Advice(field, message)


def _idle(entries: tuple[str, ...]) -> str:
    """Which entry removes nothing; "" for none."""
    if message := repeats.told(one.lower() if PLAIN.fullmatch(one) else one for one in entries):
        return message
    patterns = [(one, re2.compile(one, OPTIONS)) for one in entries if not PLAIN.fullmatch(one)]
    for name in filter(PLAIN.fullmatch, entries):
        if name.lower() in CONNECTION:
            return f'has "{name}", which holds for one connection and goes no further anyhow'
        if wider := next((one for one, pattern in patterns if pattern.fullmatch(name)), ""):
            return f'has "{name}", which {wider} removes already'
    return ""


def _remove(entry: str) -> dict[str, Any]:
    if PLAIN.fullmatch(entry):
        return {"remove": entry.lower()}
    # Envoy has all names in lower case and matches them in full.
    return {"remove_on_match": {"key_matcher": {"safe_regex": {"regex": f"(?i:{entry})"}}}}


POLICY = Policy(
    name=NAME,
    title="Header Removal",
    category=Category.TRANSFORMATION,
    phase=Phase.TRANSFORM,
    summary="Takes headers out of requests and responses, by name or by regular expression.",
    version="1.1.2",
    config=Config,
    compile=compile,
    advice=advice,
    aliases=("header-removal-flex",),
    reads_apart={"inboundHeaders": apart.patterns, "outboundHeaders": apart.patterns},
    icon="list-minus",
    acts_on_responses=lambda config: bool(config.outbound_headers),
)
