"""What a policy of the catalog is, and what it compiles to."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from policies.documents.document import Document, Texts
from policies.traits import Advice, AsksContracts, Exchange, Explained, FromProvider, Limit, Refusal

SECRETS = "secrets"
"""The folder of secrets within the state folder."""
ANSWER_MARK = "x-gatewright-answered"
BUFFER_BYTES = 1_048_576
"""Of a body that is read as a whole, where the gateway says nothing else."""
TYPE_URL = "type.googleapis.com/"
CATALOG_GROUP = "68ef9520-24e9-4cf2-b2f5-620025690913"
"""The groupId under which clients of Anypoint name the included policies."""


MANY_LINES: dict[str, Any] = {"multiline": True, "code": True}
"""For `json_schema_extra` of a secret that has lines."""


class Category(StrEnum):
    SECURITY = "Security"
    QUALITY_OF_SERVICE = "Quality of Service"
    COMPLIANCE = "Compliance"
    TRANSFORMATION = "Transformation"
    TROUBLESHOOTING = "Troubleshooting"


class PolicyConfig(BaseModel):
    """Base of every policy's configuration: camelCase outside, frozen, nothing unknown.

    Each field carries `title` and `description`, which become the form's label and help text.
    Secrets are `SecretStr`: encrypted at rest, never rendered back.
    """

    # Built when it is used first: a gateway uses few of the catalog, and a start would wait for all.
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True
    )


def at_most(most: int, things: str) -> BeforeValidator:
    """Annotates a list that is refused when it is longer, before its entries are looked at."""

    def checked(value: Any) -> Any:
        if isinstance(value, list | tuple) and len(value) > most:
            raise PydanticCustomError(
                "too_many",
                "there are {count} {things} and {most} at most",
                {"count": len(value), "things": things, "most": most},
            )
        return value

    return BeforeValidator(checked)


def fault(field: str, reason: str) -> ValidationError:
    """For a model validator to raise, so that what it found stands at one field, named as in `alias`."""
    error = PydanticCustomError("policy", "{reason}", {"reason": reason})
    return ValidationError.from_exception_data("Config", [{"type": error, "loc": (field,), "input": None}])


class Phase(IntEnum):
    """The part of a request's way through its policies in which a policy stands if nobody says otherwise.

    CORS is always first. Beyond that the user's order holds.
    """

    CORS = 1
    TLS = 2
    IDENTIFY = 3
    AUTHORIZE = 4
    PROTECT = 5
    LIMIT = 6
    CACHE = 7
    TRANSFORM = 8
    LOG = 9

    @property
    def title(self) -> str:
        return _PHASES[self]


_PHASES = {
    Phase.CORS: "Always first",
    Phase.TLS: "What TLS tells of the caller",
    Phase.IDENTIFY: "Identifies the caller",
    Phase.AUTHORIZE: "Decides who may call",
    Phase.PROTECT: "Checks what is sent",
    Phase.LIMIT: "Limits how much",
    Phase.CACHE: "Answers from a cache",
    Phase.TRANSFORM: "Changes requests and responses",
    Phase.LOG: "Logs",
}


@dataclass(frozen=True)
class Filter:
    """One HTTP filter of a route's chain: `typed_config` holds its "@type" and its fields.

    `needs` and `gives` name variables of the expression language. A filter that gives one does nothing
    else: it is left out of an API none of whose policies needs it.

    `only_if` is a predicate of Envoy's matchers: for a request that does not meet it the filter does
    nothing, so it need not be made at all. One that `acts_always` would act even then: it must not be made.
    `met` is what does the same for one that meets it, where that is less for Envoy to make. One that
    `refuses` lets no request through that meets it.
    """

    name: str
    typed_config: Mapping[str, Any]
    needs: frozenset[str] = frozenset()
    gives: str = ""
    only_if: Mapping[str, Any] | None = None
    acts_always: bool = False
    met: Mapping[str, Any] | None = None
    refuses: bool = False


@dataclass(frozen=True)
class SharedFilters:
    """Filters that are the same for every API, so that no route need repeat them.

    Each listener has them once, before all others; a request passes them where a policy of its API has their
    name in Compiled.shared.
    """

    name: str
    filters: tuple[Filter, ...]


@dataclass(frozen=True)
class Script:
    """A Lua filter in two: `frame`, the code that all uses of a policy have in common, and `settings`.

    `settings` is Lua too and takes the frame's SETTINGS place. `needs`, `gives` and `only_if` are as in
    Filter.
    """

    name: str
    frame: str
    settings: str
    sees_response: bool = False
    needs: frozenset[str] = frozenset()
    gives: str = ""
    only_if: Mapping[str, Any] | None = None

    @property
    def typed_config(self) -> Mapping[str, Any]:
        """The same as a filter of its own."""
        source = self.frame.replace(SETTINGS, self.settings, 1)
        lua = TYPE_URL + "envoy.extensions.filters.http.lua.v3.Lua"
        return {"@type": lua, "default_source_code": {"inline_string": source}}


SETTINGS = "--[[settings]]"
"""Where a frame has its settings; scripts.lua looks for it too."""


@dataclass(frozen=True)
class Cluster:
    """A server that a policy asks, as Envoy takes it; `name` stands for all of `config`."""

    name: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Secret:
    """A text for Envoy that stands in a file of its own, readable by its owner alone, and nowhere else.

    Envoy's configuration names the file, and the name says nothing of the text.
    """

    path: Path
    text: str = field(repr=False)


@dataclass(frozen=True)
class Compiled:
    """What a policy adds to its API's routes, and what it needs beside them.

    `filters` run in this order inside the route's chain. `behind` run behind the filters of all policies,
    whatever the policy's conditions: they alone see what the upstream answered before another policy changes
    it, and whether a request got so far. `kept` run there too, where the conditions hold: all routes of the
    API have them in common, and a change of other routes leaves what they know. `shared` names those of
    Policy.shared_filters that requests pass before all policies, whatever the policy's conditions.
    `clusters` stand beside those of upstreams, one for all policies that ask the same one.
    `route_action` are entries of Envoy's RouteAction, for all of the API's routes that lead to an upstream.
    `upstream_filters` and `cluster` are an outbound policy's. The filters act on what is sent to the
    upstream, each try of it; `cluster` are entries of the upstream's cluster. `response_seconds` is how long
    an upstream of the API may take to begin an answer: the strictest of several policies holds.

    `answer_mark` is the value of a header that scripts of the API see on answers which the gateway gives
    itself, ANSWER_MARK, and on no other: nobody else knows it. The script takes it off.

    What is said of the action and the cluster takes the place of what the gateway says, as deep as both have
    mappings. Of several policies the action's lists are added up; anything else one alone may say.
    """

    filters: tuple[Filter | Script, ...] = ()
    behind: tuple[Filter | Script, ...] = ()
    kept: tuple[Filter, ...] = ()
    shared: tuple[str, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    secrets: tuple[Secret, ...] = ()
    route_action: Mapping[str, Any] = field(default_factory=dict)
    upstream_filters: tuple[Filter, ...] = ()
    cluster: Mapping[str, Any] = field(default_factory=dict)
    response_seconds: float | None = None
    answer_mark: str = ""


@dataclass(frozen=True)
class Scope:
    """Where one binding of a policy is compiled.

    `binding` is unique on the gateway and stable across pushes ("namespace/name"): counters are kept
    by it, and filters are named after it. `base_path` is "" or starts with "/" and has none at its
    end. `state` is the gateway's state folder, where shared memory lives. `trusted_ca` is the file of the
    CAs that the gateway trusts; `salt` makes names of secrets unlike those of any other gateway.
    `noted_as` is the name under which the access log tells of it, `observed_as` the same where it only
    observes. Scripts heed it by themselves; a native filter must not refuse then.
    `documents` has the texts that are at hand of what policies need from the network: what a policy asks it
    for is fetched and kept, and the policy is compiled anew when that changes. `shares_counts` says that
    replicas tell each other what they count. `buffer_bytes` is how large a body may be that a policy reads
    as a whole; scripts heed it by themselves.
    """

    binding: str
    api: str
    base_path: str
    state: Path
    trusted_ca: str = ""
    salt: bytes = field(default=b"", repr=False)
    observed_as: str = ""
    documents: Texts = field(default_factory=dict[Document, str], repr=False)
    noted_as: str = ""
    shares_counts: bool = False
    buffer_bytes: int = BUFFER_BYTES

    @property
    def observing(self) -> "Scope":
        """The same for a policy that only observes by its own configuration."""
        return replace(self, observed_as=self.observed_as or self.noted_as or self.binding)

    def secret(self, text: str) -> Secret:
        """To be named by its path, and given back as one of Compiled.secrets."""
        name = hashlib.blake2b(text.encode(), key=self.salt, digest_size=16).hexdigest()
        return Secret(self.state / SECRETS / name, text)


C = TypeVar("C", bound=PolicyConfig)


@dataclass(frozen=True, eq=False)
class Policy(Generic[C]):
    """An entry of the catalog, of which there is one alone.

    `name` is the asset id (`rate-limiting`); `aliases` are its other names, `rate-limiting-flex`
    among them. `refusals` are those of native filters; a Lua policy needs none, since it writes its name
    and the reason to the dynamic metadata `gatewright` before it answers.

    `refuses` tells that the policy may be set to observe: then it refuses nothing, and the access log
    tells what it would have refused. `compile` heeds Scope.observed_as. `unobservable` is why one that
    refuses cannot: the end of a sentence.

    An outbound policy is applied to a Service: it compiles to `upstream_filters`, what these need, and
    `cluster`. One that `is_applied_once` sets what there is one of: an API, or an upstream, has it once.

    `own_document` names the field that the console fills with the OpenAPI document of the API's asset where
    the configuration says `source: context`, in what gateways are told.

    `sends` says of each secret that is sent somewhere which fields say where: {"password": ("url",)}. What is
    stored of it is asked for anew where they lead to another server.

    `from_provider` tells how the console fills a configuration that names no provider of its own.

    `reads_apart` names fields that hold what may take long to read, each with what tells of a value whether
    it may: the console reads it in a process of its own. See `policies.apart`.

    `knows_callers_by` is by what it finds out who calls: a credential that is sent, a proof that one is
    known, an address. One that identifies callers and says nothing does so by a credential.

    `limits(config)` tells how many requests it lets pass; of one that `holds_to_tiers` contracts tell. Where
    an API has contracts or tiers and nothing acts on them, the policy that is `offered_for` them is offered.

    `says_setting` is the part of an upstream's settings that says the same as this outbound policy:
    "healthCheck". `carries_setting` is a setting of an API that reaches gateways as a binding of this one.

    `explained` has words for callers whom it refused, by status, where its phase's do not say enough.

    `acts_on_responses(config)` tells whether it does anything with what the upstream answers.

    One that `answers_preflights` answers what browsers ask before a request, so that nothing behind it hears
    of it.

    `gives` are the variables of the expression language that it gives values to for
    later policies, `own_variables` those that have values in its own expressions alone.

    `advice(config)` warns of what is sound and probably not meant. `asks_contracts(config)` tells whether it
    looks callers up in the API's contracts, and what for: without contracts it refuses everybody.

    `shared_filters` stand in every listener; changing them changes listeners, so they are never made of a
    configuration.

    `prepare(state)` makes what the policy keeps in the gateway's state folder. The agent calls it of every
    policy before it starts Envoy, and never while one runs; it may be called again at each start.

    `shares(state)` gives what replicas exchange where the gateway has a shared storage, and makes what that
    needs. Policies that give the same function share one exchange.
    """

    name: str
    title: str
    category: Category
    phase: Phase
    summary: str
    version: str
    config: type[C]
    compile: Callable[[C, Scope], Compiled]
    aliases: tuple[str, ...] = ()
    knows_callers_by: Literal["", "credential", "proof", "address"] = ""
    limits: Callable[[C], Iterable[Limit]] = lambda config: ()
    holds_to_tiers: bool = False
    offered_for: Literal["", "contracts", "tiers"] = ""
    says_setting: str = ""
    carries_setting: Literal["", "responseTimeout"] = ""
    answers_preflights: bool = False
    acts_on_responses: Callable[[C], bool] = lambda config: False
    explained: Mapping[int, Explained] = field(default_factory=dict[int, Explained])
    gives: frozenset[str] = frozenset()
    own_variables: frozenset[str] = frozenset()
    is_resource_level: bool = True
    is_outbound: bool = False
    is_applied_once: bool = False
    own_document: str = ""
    sends: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    from_provider: FromProvider | None = None
    reads_apart: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    shared_filters: tuple[SharedFilters, ...] = ()
    refuses: bool = False
    unobservable: str = ""
    prepare: Callable[[Path], None] | None = None
    shares: Callable[[Path], Exchange] | None = None
    advice: Callable[[C], Iterable[Advice]] = lambda config: ()
    asks_contracts: Callable[[C], AsksContracts | None] = lambda config: None
    icon: str = "shield"

    @property
    def identifies_by(self) -> str:
        """By what it finds out who calls; "" where it does not."""
        return self.knows_callers_by or ("credential" if self.phase is Phase.IDENTIFY else "")

    @property
    def has_conditions(self) -> bool:
        """Whether it may hold for some requests only."""
        return self.is_resource_level and not self.is_outbound

    @property
    def can_be_automated(self) -> bool:
        """Whether it may be applied to many APIs at once."""
        return not self.is_outbound

    @property
    def can_observe(self) -> bool:
        return self.refuses and not self.is_outbound

    @property
    def why_unobservable(self) -> str:
        """Behind its name, why `mode: observe` is refused of it; "" where it is not."""
        if self.can_observe:
            return ""
        if self.unobservable:
            return f"cannot observe only: {self.unobservable}"
        return "refuses nothing that could be observed"

    @property
    def runs_first(self) -> bool:
        """Whatever order the user gives."""
        return self.phase is Phase.CORS
