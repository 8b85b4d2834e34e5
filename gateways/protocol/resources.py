"""The declarative resources: what Local Mode files hold and what a snapshot carries.

Kinds and field names are Flex Gateway's, so that its files (`apiVersion: gateway.mulesoft.com/v1alpha1`)
work unchanged. Every model is frozen and refuses unknown fields.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self, get_args

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    model_validator,
)
from pydantic.alias_generators import to_camel

from gateways.protocol.upstream_settings import UpstreamSettings

API_VERSION = "gatewright.dev/v1alpha1"
DEFAULT_ORDER = 50
CHANGE_SET = "gatewright/change-set"
"""An annotation of ApiInstances: those in which it is the same change together, or not at all."""
APPLICATION_LABEL = "gatewright/application-label"
"""An annotation of Contracts: by what requests of the client are counted; without it, by its name. Names are
given anew, and those of two tenants may be the same.
"""
ROUTE_LABEL = "gatewright/route-label"
"""The annotation of a route's binding that names the route in the access log; without it, its own name."""

API_DETAILS = "ApiDetails"
"""The kind of what the console alone knows of an API: its exports have it, gateways pass it over."""

ApiVersion = Literal[
    "gatewright.dev/v1alpha1",
    "gatewright.dev/v1beta1",
    "gateway.mulesoft.com/v1alpha1",
    "gateway.mulesoft.com/v1beta1",
]
API_VERSIONS: tuple[str, ...] = get_args(ApiVersion)


class Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True
    )


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[\w.@-]+", name):
        raise ValueError(f'"{name}" is not a name; use letters, digits, ".", "-" and "_"')
    return name


Name = Annotated[str, AfterValidator(_checked_name)]
"""It is a part of the names of routes and counters, where "/" stands between such parts."""


TITLE = "flex.mulesoft.com/apiinstance-name"
"""The label that says what people call an API."""


class Metadata(Model):
    name: Name
    namespace: Name = "default"
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


def _joined_methods(given: Any) -> Any:
    """Of a list of methods, the expression that it stands for."""
    if isinstance(given, list | tuple) and given and all(isinstance(one, str) for one in given):
        if wrong := next((one for one in given if not re.fullmatch(r"[A-Za-z]+", one)), None):
            raise ValueError(f'holds "{wrong}", which is no method, such as GET')
        return "|".join(given)
    if isinstance(given, str) and re.fullmatch(r"\[[A-Za-z]+(\s*,\s*[A-Za-z]+)+\]", given.strip()):
        raise ValueError(f'"{given}" stands for one letter; write GET|POST, or the list without quotes')
    return given


Methods = Annotated[str, BeforeValidator(_joined_methods)]


class Rule(Model):
    """Attributes are AND-ed; every value is an RE2 expression that must match in full.

    `methods` may be a list of methods too.
    """

    path: str | None = None
    methods: Methods | None = None
    host: str | None = None
    headers: dict[str, str] = {}


class PolicyRef(Model):
    name: str
    namespace: str | None = None
    kind: str = "Extension"


class ServiceRouteConfig(Model):
    destination_path: str = ""


class ServiceRoute(Model):
    rules: tuple[Rule, ...] = ()
    config: ServiceRouteConfig = ServiceRouteConfig()


class InlineService(Model):
    address: str
    routes: tuple[ServiceRoute, ...] = ()


def _is_enforced(mode: str) -> bool:
    return mode == "enforce"


Mode = Annotated[Literal["enforce", "observe"], Field(exclude_if=_is_enforced)]
"""Whether a policy refuses what it finds wrong, or only tells of it.

Left out where it is the usual one: agents of the release before know no other, and digests stay.
"""


class InlinePolicy(Model):
    policy_ref: PolicyRef
    config: dict[str, Any] = {}
    rules: tuple[Rule, ...] = ()
    mode: Mode = "enforce"


class ApiInstanceSpec(Model):
    address: str
    services: dict[Name, InlineService] = {}
    policies: tuple[InlinePolicy, ...] = ()


class Resource(Model):
    api_version: ApiVersion
    metadata: Metadata

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name): unique within a kind."""
        return self.metadata.namespace, self.metadata.name


class ApiInstance(Resource):
    kind: Literal["ApiInstance"]
    spec: ApiInstanceSpec


class Selector(Model):
    kind: Literal["ApiInstance"] = "ApiInstance"
    labels: dict[str, str] = {}


class TargetRef(Model):
    kind: Literal["ApiInstance", "Service", "Selector"] = "ApiInstance"
    name: str | None = None
    namespace: str | None = None
    selector: Selector | None = None


class PolicyBindingSpec(Model):
    target_ref: TargetRef
    policy_ref: PolicyRef
    config: dict[str, Any] = {}
    order: int = DEFAULT_ORDER
    rules: tuple[Rule, ...] = ()
    mode: Mode = "enforce"


class PolicyBinding(Resource):
    kind: Literal["PolicyBinding"]
    spec: PolicyBindingSpec


class ServiceSpec(UpstreamSettings):
    """Flex Gateway's has the address alone; the others are fields of our own."""

    address: str


class Service(Resource):
    kind: Literal["Service"]
    spec: ServiceSpec


def _is_none(value: object) -> bool:
    return value is None


class ConfigurationSpec(Model):
    """Exactly one of its fields is set; each keeps its own schema where it is used."""

    logging: dict[str, Any] | None = None
    shared_storage: dict[str, Any] | None = None
    probe: dict[str, Any] | None = None
    proxy_protocol: dict[str, Any] | None = None
    trusted_proxies: dict[str, Any] | None = None
    forward_proxy: dict[str, Any] | None = None
    timeouts: dict[str, Any] | None = None
    paths: dict[str, Any] | None = None
    circuit_breaker: dict[str, Any] | None = None
    tracing: dict[str, Any] | None = None
    default_tls: dict[str, Any] | None = Field(None, alias="defaultTLS")
    resource_limits: dict[str, Any] | None = None
    platform_connection: dict[str, Any] | None = None
    acme_challenges: Annotated[dict[str, Any] | None, Field(exclude_if=_is_none)] = None
    """Left out where there are none: agents of the release before know no such field."""

    @property
    def part(self) -> tuple[str, dict[str, Any]]:
        """The name of the one field that is set, as resources write it, and what it holds."""
        set_fields = self.model_dump(by_alias=True, exclude_none=True)
        return next(iter(set_fields.items()))

    @model_validator(mode="after")
    def _holds_one_part(self) -> Self:
        names = list(self.model_dump(by_alias=True, exclude_none=True))
        if len(names) != 1:
            found = " and ".join(names) or "none"
            raise ValueError(f"exactly one setting belongs here, found {found}; write one document for each")
        return self


class Configuration(Resource):
    kind: Literal["Configuration"]
    spec: ConfigurationSpec


class SecretTls(Model):
    crt: str
    key: str = Field(repr=False)


SecretField = Annotated[str, StringConstraints(pattern=r"^\w{1,40}$")]


class SecretSpec(Model):
    """Exactly one of them: a certificate with its key, or values by their names."""

    tls: SecretTls | None = None
    data: dict[SecretField, str] | None = Field(None, repr=False)

    @model_validator(mode="after")
    def _holds_one(self) -> Self:
        if (self.tls is None) == (self.data is None):
            raise ValueError("exactly one of tls and data belongs here")
        if self.data is not None and not 1 <= len(self.data) <= 50:
            raise ValueError("data holds 1 to 50 values by their names")
        return self


class Secret(Resource):
    kind: Literal["Secret"]
    spec: SecretSpec


LONGEST_CLIENT_TEXT = 255
_CLIENT_TEXT = re.compile(r"[!-~]([ -~]*[!-~])?")


def _checked_client_text(text: str) -> str:
    """What a header can hold, and nothing that a server between takes off."""
    if not text or len(text) > LONGEST_CLIENT_TEXT:
        raise ValueError(f"must have 1 to {LONGEST_CLIENT_TEXT} characters")
    if not _CLIENT_TEXT.fullmatch(text):
        raise ValueError("may hold letters, digits, signs of ASCII, and spaces between them")
    return text


ClientText = Annotated[str, AfterValidator(_checked_client_text)]


def _checked_client_name(text: str) -> str:
    if not text.strip() or len(text) > LONGEST_CLIENT_TEXT or not text.isprintable():
        raise ValueError(f"must have 1 to {LONGEST_CLIENT_TEXT} printable characters")
    return text


ClientName = Annotated[str, AfterValidator(_checked_client_name)]


MOST_SECRETS = 2
"""That a client may have at once: after a reset the one before goes on for a while."""


class SecretDigest(Model):
    """A secret, as who checks it needs to know it: nobody can read it."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$", repr=False)
    expires_at: AwareDatetime | None = None


class ContractClient(Model):
    """`name` is the application's, by which refusals and later policies call it, and analytics where there
    is no APPLICATION_LABEL; the id, where there is none. A secret is told as it is or by digests.
    """

    id: ClientText
    secret: ClientText | None = Field(None, repr=False)
    secret_digests: tuple[SecretDigest, ...] = Field((), max_length=MOST_SECRETS)
    name: ClientName | None = None

    @model_validator(mode="after")
    def _has_one_kind_of_secret(self) -> Self:
        if self.secret is not None and self.secret_digests:
            raise ValueError("has both secret and secretDigests; write one of them")
        return self


class SlaLimit(Model):
    maximum_requests: int = Field(ge=1, le=2**31 - 1)
    time_period_in_milliseconds: int = Field(ge=1, le=366 * 24 * 3600 * 1000)
    visible: bool = True


class Sla(Model):
    """The tier of a contract: its name, and how much its client may ask for."""

    tier: ClientName | None = None
    limits: tuple[SlaLimit, ...] = Field(min_length=1, max_length=8)


class ContractSpec(Model):
    """From `expires_at` on it lets nobody pass."""

    api_id: str
    client: ContractClient
    sla: Sla | None = None
    expires_at: AwareDatetime | None = None


class Contract(Resource):
    kind: Literal["Contract"]
    spec: ContractSpec

    @model_validator(mode="after")
    def _has_a_label_that_logs_can_hold(self) -> Self:
        if APPLICATION_LABEL in self.metadata.annotations:
            label = self.metadata.annotations[APPLICATION_LABEL]
            if len(label) > LONGEST_CLIENT_TEXT:
                raise ValueError(f"{APPLICATION_LABEL} has more than {LONGEST_CLIENT_TEXT} characters")
            _checked_name(label)
        return self


class Extension(Resource):
    kind: Literal["Extension"]
    spec: dict[str, Any] = {}


AnyResource = Annotated[
    ApiInstance | PolicyBinding | Service | Configuration | Secret | Contract | Extension,
    Field(discriminator="kind"),
]
KINDS = ("ApiInstance", "PolicyBinding", "Service", "Configuration", "Secret", "Contract", "Extension")
RESOURCE: TypeAdapter[AnyResource] = TypeAdapter(AnyResource)


def digest(resources: Iterable[AnyResource]) -> str:
    """SHA-256 of the resources' canonical JSON: equal exactly when they are, order included."""
    return digest_of(map(canonical, resources))


def digest_of(texts: Iterable[bytes]) -> str:
    """The same from what `canonical` gave."""
    return hashlib.sha256(b"[%s]" % b",".join(texts)).hexdigest()


def canonical(resource: AnyResource) -> bytes:
    """Its JSON, keys in order."""
    plain = resource.model_dump(mode="json", by_alias=True)
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)


class Snapshot(Model):
    """All resources that one gateway should run; `digest` is theirs."""

    gateway: str
    generation: int = Field(ge=0)
    digest: str
    resources: tuple[AnyResource, ...]
