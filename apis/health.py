"""How well an API's upstreams are, as the replicas of its gateway told last: where Health Check asks them."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from apis import resource_names
from apis.models import ApiInstance, PolicyBinding

HEALTH_CHECK = "health-check"


class Told(BaseModel):
    """What one replica tells of one upstream: how many of its hosts are well, and which are not."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    healthy: int = Field(ge=0)
    unknown: int = Field(0, ge=0)
    total: int = Field(ge=0)
    unhealthy: tuple[str, ...] = ()


@dataclass(frozen=True)
class Health:
    """`told` by the names of the replicas that told of it, of all `replicas` that are connected."""

    told: dict[str, Told]
    replicas: int

    @property
    def words(self) -> str:
        if not self.told:
            return "Health not known"
        bad = [name for name, one in self.told.items() if one.unhealthy]
        if bad:
            return "Unhealthy" if len(bad) == self.replicas else f"Unhealthy on {len(bad)} of {self.replicas}"
        if all(one.unknown == one.total for one in self.told.values()):
            return "Being asked"
        return "Healthy"

    @property
    def tone(self) -> str:
        words = self.words
        return "ok" if words == "Healthy" else "bad" if words.startswith("Unhealthy") else ""

    @property
    def title(self) -> str:
        """Replica by replica."""
        return "; ".join(f"{name}: {_sentence(one)}" for name, one in sorted(self.told.items()))


def of_upstreams(api: ApiInstance, bindings: Iterable[PolicyBinding]) -> dict[str, Health]:
    """By the upstream's id, of those that Health Check, of these policies, is applied to; one query where
    there are any.
    """
    checked = _checked(bindings)
    if not checked or api.gateway is None:
        return {}
    replicas = list(api.gateway.replicas.connected())
    found: dict[str, Health] = {}
    for upstream in checked:
        service = f"{api.environment_id}/{resource_names.of_upstream(api.pk, upstream.hex)}"
        told = {
            replica.name: one
            for replica in replicas
            if (one := _read(replica.envoy.get("upstreams"), service)) is not None
        }
        found[str(upstream)] = Health(told, len(replicas))
    return found


def _checked(bindings: Iterable[PolicyBinding]) -> set[UUID]:
    asking = (one for one in bindings if one.policy == HEALTH_CHECK and not one.is_disabled)
    return {pk for one in asking for pk in one.upstreams}


def _read(told: object, service: str) -> Told | None:
    """What a replica says is checked: it is another program, perhaps of another release."""
    if not isinstance(told, dict) or service not in told:
        return None
    try:
        return Told.model_validate(told[service])
    except pydantic.ValidationError:
        return None


def _sentence(one: Told) -> str:
    bad = f", not {', '.join(one.unhealthy)}" if one.unhealthy else ""
    waiting = f", {one.unknown} not asked yet" if one.unknown else ""
    return f"{one.healthy} of {one.total} host{'' if one.total == 1 else 's'} healthy{bad}{waiting}"
