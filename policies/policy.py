"""What a policy of the catalog is."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from policies.compiled import Compiled, Scope, SharedFilters
from policies.traits import Advice, AsksContracts, Exchange, Explained, FromProvider, Limit, Refusal

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

    `explained` has words for callers whom it refused, by status, or by status and check where the checks ask
    for different things, where its phase's do not say enough.

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
    needs. Policies that give the same function share one exchange. `distributes(config)` tells whether it is
    told to: without a storage the gateway's operator is warned then; and, where it `seals` what it shares,
    without a key for that.
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
    explained: Mapping[int | tuple[int, str], Explained] = field(
        default_factory=dict[int | tuple[int, str], Explained]
    )
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
    distributes: Callable[[C], bool] = lambda config: False
    seals: bool = False
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
