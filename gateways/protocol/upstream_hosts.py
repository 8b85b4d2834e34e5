"""Where an upstream runs, which of its hosts gets a request, and how it is known which are well."""

import ipaddress
import re
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from gateways.protocol.addresses import PATH
from gateways.protocol.spelling import is_ambiguous
from policies.fields.headers import CONNECTION, TOKEN
from policies.fields.hosts import is_host, port_of

MOST_HOSTS = 100
MOST_STATUSES = 20
STICKY_COOKIE = "gatewright-host"
DAY_SECONDS = 86_400
_PLACE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:\s/@]+)(?::([0-9]{1,5}))?")
_STATUSES = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")


class SettingsModel(BaseModel):
    """camelCase outside, frozen, nothing unknown."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True
    )

    @property
    def is_usual(self) -> bool:
        """Whether it is as it comes."""
        return self == _usual(type(self))

    def said(self, *but: str) -> list[str]:
        """The fields, by their names outside, that are otherwise than they come."""
        fields = type(self).model_fields.items()
        return [
            info.alias or name
            for name, info in fields
            if name not in but and getattr(self, name) != info.get_default(call_default_factory=True)
        ]


@lru_cache
def _usual(kind: type[SettingsModel]) -> SettingsModel:
    return kind()


class HostPort(NamedTuple):
    host: str
    port: int | None


def host_port_of(text: str) -> HostPort:
    """Reads `host[:port]`, an IPv6 address in brackets. Raises ValueError."""
    found = _PLACE.fullmatch(text)
    if "://" in text:
        raise ValueError(f'"{text}" has a scheme, which is the URL\'s; write host:port')
    if not found or not is_host(host := found[1].strip("[]")):
        raise ValueError(f'"{text}" is not host:port; write for example backend-2:8080')
    try:
        port = port_of(urlsplit(f"//{text}"))
    except ValueError as error:
        raise ValueError(f'"{text}": {error}') from None
    return HostPort(host.lower(), port)


def is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def fault_at(field: str, reason: str) -> ValidationError:
    """For a validator to raise: what is wrong stands at this field, named as in `alias`."""
    error = PydanticCustomError("upstream", "{reason}", {"reason": reason})
    return ValidationError.from_exception_data("Upstream", [{"type": error, "loc": (field,), "input": None}])


def _place(text: str) -> str:
    host_port_of(text)
    return text


class Host(SettingsModel):
    address: Annotated[str, AfterValidator(_place)] = Field(
        max_length=260,
        title="Host",
        examples=["backend-2:8080"],
        json_schema_extra={"code": True},
    )
    weight: int = Field(
        1,
        ge=0,
        le=1000,
        title="Weight",
        description="Its share; 0 sends it nothing.",
        json_schema_extra={"needed": True},
    )
    backup: bool = Field(
        False, title="Backup", description="Gets requests only while no other host is healthy."
    )


def _failover(text: str) -> str:
    if "/" in text.partition("://")[2] or ("/" in text and "://" not in text):
        raise ValueError(f'"{text}" has a path; write host:port, and the path beside it')
    return _place(text)


def _path_in_front(text: str | None) -> str | None:
    if not text:
        return None
    if not text.startswith("/"):
        raise ValueError(f'"{text}" does not start with "/"; write /{text}')
    if not PATH.fullmatch(text):
        raise ValueError("holds a character that a path may not; write it percent-encoded, without ? and #")
    if is_ambiguous(text):
        raise ValueError("has a segment that servers read in different ways, such as .. or ;x")
    return text


class Failover(SettingsModel):
    """Another upstream, of the same scheme, which is called and trusted by a name of its own."""

    address: Annotated[str, AfterValidator(_failover)] | None = Field(
        None,
        max_length=260,
        title="Takes over",
        description="host:port. It gets everything while no host is healthy, and at once what none could be"
        " connected to for, if it may be sent twice. The Host header, and the name that its certificate must"
        " have, are its own; the scheme is that of the URL. Empty: nobody takes over.",
        examples=["spare.example.com:443"],
        json_schema_extra={"code": True},
    )
    path: Annotated[str | None, AfterValidator(_path_in_front)] = Field(
        None,
        max_length=1024,
        title="Its path",
        description="In the place of the URL's path, where it has another; what follows stays, query and all."
        " / for none. Empty: the same.",
        examples=["/backup/v1"],
        json_schema_extra={"code": True},
    )

    @model_validator(mode="after")
    def _can_act(self) -> Self:
        if self.path is not None and self.address is None:
            raise fault_at("path", "nobody takes over; say who in address, or take it out")
        return self


class LoadBalancing(SettingsModel):
    algorithm: Literal["roundRobin", "leastRequest", "random", "consistentHash", "sticky"] = Field(
        "roundRobin",
        title="Algorithm",
        description="Who gets the next request. Each replica of the gateway decides for itself.",
        json_schema_extra={
            "needed": True,
            "labels": {
                "roundRobin": "Round robin: one after the other",
                "leastRequest": "Least request: who has fewer under way",
                "random": "Random",
                "consistentHash": "Consistent hash: the same caller, the same host",
                "sticky": "Sticky: by a cookie that the gateway sets",
            },
        },
    )
    hash_on: Literal["clientAddress", "header", "cookie"] = Field(
        "clientAddress",
        title="Hash of",
        description="What is the same goes to the same host; a request without it goes to any.",
        json_schema_extra={
            "needed": True,
            "when": {"algorithm": ["consistentHash"]},
            "labels": {
                "clientAddress": "The client's address",
                "header": "A header",
                "cookie": "A cookie",
            },
        },
    )
    name: str = Field(
        "",
        max_length=120,
        title="Header or cookie",
        description=f"Its name. Of a sticky cookie, empty: {STICKY_COOKIE}.",
        json_schema_extra={"code": True, "when": {"algorithm": ["consistentHash", "sticky"]}},
    )
    lifetime_in_seconds: int = Field(
        0,
        ge=0,
        le=365 * DAY_SECONDS,
        title="Cookie lasts",
        description="0: until the browser is closed.",
        json_schema_extra={"format": "duration-s", "needed": True, "when": {"algorithm": ["sticky"]}},
    )
    slow_start_in_seconds: int = Field(
        0,
        ge=0,
        le=3600,
        title="Slow start",
        description="A host that has become healthy gets its whole share only after so long; 0: at once.",
        json_schema_extra={
            "format": "duration-s",
            "needed": True,
            "when": {"algorithm": ["roundRobin", "leastRequest"]},
        },
    )
    refuse_while_unhealthy: bool = Field(
        False,
        title="Refuse requests while no host is healthy",
        description="Answers 503 at once. Otherwise unhealthy hosts get them: the checks may be wrong.",
    )

    @model_validator(mode="after")
    def _can_act(self) -> Self:
        hashes, sticks = self.algorithm == "consistentHash", self.algorithm == "sticky"
        if self.hash_on != "clientAddress" and not hashes:
            raise fault_at("hashOn", "counts for consistentHash alone; take it out")
        if hashes and self.hash_on != "clientAddress" and not self.name:
            raise fault_at("name", f"name the {self.hash_on} of which the hash is made")
        if self.name and not sticks and not (hashes and self.hash_on != "clientAddress"):
            raise fault_at("name", "no header or cookie is looked at; take it out")
        if self.name and not TOKEN.fullmatch(self.name):
            raise fault_at("name", f'"{self.name}" is not a name of a header or a cookie')
        if hashes and self.hash_on == "header" and self.name.lower() in CONNECTION:
            raise fault_at("name", f'"{self.name}" is a header of the connection, which is not looked at')
        if self.lifetime_in_seconds and not sticks:
            raise fault_at("lifetimeInSeconds", "only a sticky cookie has one; take it out")
        if self.slow_start_in_seconds and self.algorithm not in ("roundRobin", "leastRequest"):
            raise fault_at("slowStartInSeconds", "works with roundRobin and leastRequest alone; take it out")
        return self


def _path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f'"{text}" does not start with "/"; write /{text}')
    if not (text.isascii() and text.isprintable()) or " " in text or "#" in text:
        raise ValueError("holds a character that a path may not; write it percent-encoded")
    return text


def _as_texts(given: Any) -> Any:
    """Statuses may be written as numbers."""
    if isinstance(given, list | tuple) and len(given) <= MOST_STATUSES:
        return [str(one) if type(one) is int else one for one in given]
    return given


def _status_range(text: str) -> str:
    found = _STATUSES.fullmatch(text)
    if not found or int(found[2] or found[1]) < int(found[1]):
        raise ValueError(f'"{text}" is not a status such as 200, or a range such as 200-299')
    return text


class HealthCheck(SettingsModel):
    kind: Literal["none", "http", "tcp"] = Field(
        "none",
        title="Ask hosts",
        description="In the background, whether they are well. Each replica asks for itself.",
        json_schema_extra={
            "needed": True,
            "labels": {"none": "No", "http": "With an HTTP request", "tcp": "By connecting (TCP)"},
        },
    )
    path: Annotated[str, AfterValidator(_path)] = Field(
        "/",
        max_length=1024,
        title="Path",
        description="Asked with GET.",
        examples=["/health"],
        json_schema_extra={"code": True, "needed": True, "when": {"kind": ["http"]}},
    )
    statuses: Annotated[
        tuple[Annotated[str, AfterValidator(_status_range)], ...], BeforeValidator(_as_texts)
    ] = Field(
        ("200",),
        max_length=MOST_STATUSES,
        title="Good statuses",
        description="200, or 200-299. Any other is a bad answer.",
        json_schema_extra={"needed": True, "when": {"kind": ["http"]}},
    )
    interval_in_seconds: int = Field(
        10,
        ge=1,
        le=3600,
        title="Ask every",
        json_schema_extra={"format": "duration-s", "needed": True, "when": {"kind": ["http", "tcp"]}},
    )
    timeout_in_seconds: int = Field(
        2,
        ge=1,
        le=15,
        title="Answer within",
        json_schema_extra={"format": "duration-s", "needed": True, "when": {"kind": ["http", "tcp"]}},
    )
    unhealthy_after: int = Field(
        3,
        ge=1,
        le=100,
        title="Unhealthy after",
        description="Bad answers, one after the other. The very first decides alone.",
        json_schema_extra={"needed": True, "when": {"kind": ["http", "tcp"]}},
    )
    healthy_after: int = Field(
        2,
        ge=1,
        le=100,
        title="Healthy after",
        description="Good answers, one after the other.",
        json_schema_extra={"needed": True, "when": {"kind": ["http", "tcp"]}},
    )

    @model_validator(mode="after")
    def _can_act(self) -> Self:
        if self.kind == "none" and (said := self.said("kind")):
            raise fault_at(said[0], "nobody asks; write kind: http or tcp, or take it out")
        if not self.statuses:
            raise fault_at("statuses", "name at least one")
        if self.kind == "tcp" and (said := [one for one in self.said() if one in ("path", "statuses")]):
            raise fault_at(said[0], "is for kind: http; a TCP check only connects")
        return self

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The good statuses: from, and up to but without."""
        parts = [one.partition("-") for one in self.statuses]
        return [(int(low), int(high or low) + 1) for low, _, high in parts]


class OutlierDetection(SettingsModel):
    consecutive_errors: int | None = Field(
        None,
        ge=1,
        le=1000,
        title="Eject a host after",
        description="Statuses 500 to 599, or lost connections, one after the other. Empty: none is.",
    )
    interval_in_seconds: int = Field(
        10,
        ge=1,
        le=3600,
        title="Look every",
        description="At which hosts come back, and when.",
        json_schema_extra={"format": "duration-s", "needed": True},
    )
    ejection_in_seconds: int = Field(
        30,
        ge=1,
        le=DAY_SECONDS,
        title="Ejected for",
        description="At first; each further time so much longer, 5 minutes at most unless this is more.",
        json_schema_extra={"format": "duration-s", "needed": True},
    )
    most_ejected_percent: int = Field(
        50, ge=1, le=100, title="Eject at most", json_schema_extra={"needed": True, "unit": "%"}
    )

    @model_validator(mode="after")
    def _can_act(self) -> Self:
        if self.consecutive_errors is None and (said := self.said()):
            raise fault_at(said[0], "none is ejected; say after how many consecutiveErrors, or take it out")
        return self
