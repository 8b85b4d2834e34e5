"""How well an API's upstreams are, host by host, as the replicas of its gateway told last."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from apis import resource_names
from apis.models import ApiInstance, PolicyBinding
from gateways.models import Replica
from gateways.protocol.upstream_hosts import host_port_of, is_ip
from gateways.protocol.upstream_settings import USUAL, UpstreamSettings
from policies import catalog

MOST_HOSTS = 1000
_WORDS = {"unhealthy": "Unhealthy", "ejected": "Ejected", "unknown": "Not asked yet", "healthy": "Healthy"}
"""The worst first."""


class HostHealth(BaseModel):
    """One host of an upstream, as one replica has it; `name` is by which DNS knows it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    address: str = Field(max_length=255)
    name: str = Field("", max_length=255)
    state: Literal["healthy", "unhealthy", "ejected", "unknown"]
    backup: bool = False


class UpstreamHealth(BaseModel):
    """What one replica tells of one upstream: how many of its hosts are well, and which are not."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    healthy: int = Field(ge=0)
    unknown: int = Field(0, ge=0)
    total: int = Field(ge=0)
    unhealthy: tuple[str, ...] = ()
    hosts: tuple[HostHealth, ...] = Field((), max_length=MOST_HOSTS)

    @property
    def is_unhealthy(self) -> bool:
        """Whether no host is well, and one at least is known not to be."""
        return bool(self.unhealthy) and not self.healthy


@dataclass(frozen=True)
class HostStates:
    """A host with what each replica says of it, by the replica's name."""

    address: str
    name: str
    is_backup: bool
    states: dict[str, str]

    @property
    def words(self) -> str:
        kinds = set(self.states.values())
        if len(kinds) == 1:
            return _WORDS[kinds.pop()]
        worst = next(one for one in _WORDS if one in kinds)
        count = sum(one == worst for one in self.states.values())
        return f"{_WORDS[worst]} on {count} of {len(self.states)}"

    @property
    def tone(self) -> str:
        kinds = set(self.states.values())
        return "ok" if kinds == {"healthy"} else "bad" if kinds & {"unhealthy", "ejected"} else ""

    @property
    def title(self) -> str:
        return "; ".join(f"{name}: {_WORDS[state].lower()}" for name, state in sorted(self.states.items()))


@dataclass(frozen=True)
class Health:
    """`told` by the names of the replicas that told of it, of all `replicas` that are connected."""

    told: dict[str, UpstreamHealth]
    replicas: int
    settings: UpstreamSettings = USUAL
    is_asked: bool = True
    """By a policy."""

    @property
    def is_checked(self) -> bool:
        """Whether it is known of its hosts if they are well."""
        return self.is_asked or self.settings.is_checked

    @property
    def missing(self) -> list[str]:
        """Names of hosts that no replica has: they do not resolve, or are not deployed yet.

        Of an upstream with a failover, replicas tell by what name hosts are called, not which was found.
        """
        if self.settings.failover.address:
            return []
        known = {host.name for host in self.hosts}
        names = (one.address for one in self.settings.hosts if one.weight and self.told)
        return [one for one in names if not is_ip(host := host_port_of(one).host) and host not in known]

    @property
    def hosts(self) -> list[HostStates]:
        """Those that replicas told of, each once; DNS may tell replicas of different ones."""
        found: dict[tuple[str, str, bool], dict[str, str]] = {}
        for replica, one in sorted(self.told.items()):
            for host in one.hosts:
                found.setdefault((host.address, host.name, host.backup), {})[replica] = host.state
        return [HostStates(*key, states) for key, states in sorted(found.items(), key=_backups_last)]

    @property
    def has_hosts(self) -> bool:
        return len(self.hosts) > 1 or bool(self.missing)

    @property
    def words(self) -> str:
        if not self.told:
            return "Health not known"
        if not self.is_checked:
            most = max(one.total for one in self.told.values())
            return f"{most} host{'' if most == 1 else 's'}, not asked"
        bad = [name for name, one in self.told.items() if one.is_unhealthy]
        some = [name for name, one in self.told.items() if one.unhealthy and one.healthy]
        if some and not bad:
            worst = min(self.told.values(), key=lambda one: one.healthy)
            return f"{worst.healthy} of {worst.total} healthy"
        if bad:
            return "Unhealthy" if len(bad) == self.replicas else f"Unhealthy on {len(bad)} of {self.replicas}"
        if all(one.unknown == one.total for one in self.told.values()):
            return "Being asked"
        return "Healthy"

    @property
    def tone(self) -> str:
        words = self.words
        if words.endswith("healthy") and words != "Healthy":
            return "warn"
        return "ok" if words == "Healthy" else "bad" if words.startswith("Unhealthy") else ""

    @property
    def title(self) -> str:
        """Replica by replica."""
        return "; ".join(f"{name}: {_sentence(one)}" for name, one in sorted(self.told.items()))


def of_upstreams(
    api: ApiInstance,
    bindings: Iterable[PolicyBinding],
    settings: Iterable[tuple[UUID | None, UpstreamSettings]],
) -> dict[str, Health]:
    """By the upstream's id, of those of which more is known than that they are there: several hosts, or
    checks of their own or of Health Check among these policies. One query where there are any.
    """
    known = {upstream: own for upstream, own in settings if upstream}
    asked = _checked(bindings)
    checked = {one: known.get(one, USUAL) for one in asked}
    checked |= {upstream: own for upstream, own in known.items() if own.is_shown}
    if not checked or api.gateway is None:
        return {}
    replicas = list(api.gateway.replicas.connected())
    found: dict[str, Health] = {}
    for upstream, own in checked.items():
        service = f"{api.environment_id}/{resource_names.of_upstream(api.pk, upstream.hex)}"
        told = {
            replica.name: one
            for replica in replicas
            if (one := _read(replica.envoy.get("upstreams"), service)) is not None
        }
        found[str(upstream)] = Health(told, len(replicas), own, upstream in asked)
    return found


def unhealthy(environments: Iterable[UUID]) -> set[int]:
    """Deployed APIs with an upstream of which a connected replica of their gateway says that no host is well.

    What a replica tells counts for the APIs of its own gateway alone: it is another program.
    """
    replicas = Replica.objects.connected().filter(gateway__environment__in=environments)
    columns = "gateway", "gateway__environment", "envoy__upstreams"
    found = {
        (pk, gateway)
        for gateway, environment, told in replicas.values_list(*columns)
        for name in (told if isinstance(told, dict) else ())
        if (pk := resource_names.api_of_upstream(name.removeprefix(f"{environment}/"))) is not None
        and (one := _read(told, name)) is not None
        and one.is_unhealthy
    }
    apis = ApiInstance.objects.deployed().filter(pk__in={pk for pk, _ in found})
    return {pk for pk, gateway in apis.values_list("pk", "gateway") if (pk, gateway) in found}


def _checked(bindings: Iterable[PolicyBinding]) -> set[UUID]:
    asking = (
        one for one in bindings if catalog.says_setting(one.policy) == "healthCheck" and not one.is_disabled
    )
    return {pk for one in asking for pk in one.upstreams}


def _read(told: object, service: str) -> UpstreamHealth | None:
    """What a replica says is checked: it is another program, perhaps of another release."""
    if not isinstance(told, dict) or service not in told:
        return None
    try:
        return UpstreamHealth.model_validate(told[service])
    except pydantic.ValidationError:
        return None


def _backups_last(found: tuple[tuple[str, str, bool], dict[str, str]]) -> tuple[bool, str, str]:
    (address, name, is_backup), _ = found
    return is_backup, name, address


def _sentence(one: UpstreamHealth) -> str:
    bad = f", not {', '.join(one.unhealthy)}" if one.unhealthy else ""
    waiting = f", {one.unknown} not asked yet" if one.unknown else ""
    return f"{one.healthy} of {one.total} host{'' if one.total == 1 else 's'} healthy{bad}{waiting}"
