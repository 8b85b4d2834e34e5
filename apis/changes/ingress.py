"""How a gateway takes requests in: whose word on the caller counts, and what slashes in paths are.

Here and not with gateways, because a change is pushed as a change of an API is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self
from uuid import uuid4

import pydantic
from django.core.exceptions import ValidationError
from django.db import transaction
from pydantic import AfterValidator, Field, model_validator

from apis.changes import bookkeeping
from apis.rules import config_messages
from apis.secret_groups.acme import AcmeSource
from console import audit
from console.compiled import CompiledQuery
from console.models import AuditEntry, User
from console.versions import check, version
from gateways.models import Gateway
from gateways.protocol import resources as r
from gateways.protocol.networks import MOST_HOPS, MOST_NETWORKS, checked_network
from policies.policy import PolicyConfig, at_most, fault

VERSION = "gateway.mulesoft.com/v1alpha1"
FIELDS = ("trusted_networks", "trusted_hops", "uses_proxy_protocol", "path_slashes")
BELIEVES_ALL = "everybody who connects is believed; add networks, unless proxies alone reach the gateway"


class Ingress(PolicyConfig):
    """As the gateway's page asks for it, in the words of its `Configuration` resources."""

    networks: Annotated[
        tuple[Annotated[str, AfterValidator(checked_network)], ...],
        at_most(MOST_NETWORKS, "networks"),
    ] = Field(
        (),
        title="Trusted networks",
        description="Addresses and networks of your load balancers and proxies, such as 10.0.0.0/8. Their"
        " X-Forwarded-For, -Proto and -Host are believed, nobody else's.",
    )
    hops: int = Field(
        0,
        ge=0,
        le=MOST_HOPS,
        title="Number of proxies",
        description="How many proxies each request passes, where their networks do not tell: the caller is"
        " so many places from the end of X-Forwarded-For. 0: the last address that is not of a trusted"
        " network. Without networks everybody who connects is believed.",
    )
    uses_proxy_protocol: bool = Field(
        False,
        title="PROXY protocol",
        description="Connections begin with the PROXY protocol's header; those without, and those that are"
        " not of the trusted networks, are closed.",
    )
    slashes: Literal["default", "as-sent", "normalize", "refuse"] = Field(
        "default",
        title="Slashes in paths",
        description="What becomes of %2F, %5C and //. Routes and conditions take each for one slash in any"
        " case; the upstream gets them as they were sent, or normalized to one slash each, or the request is"
        " refused (400). For all APIs of the gateway: it is decided before a request belongs to one. Where"
        " nothing is chosen, GATEWRIGHT_PATH_SLASHES of its processes counts, else as sent.",
        json_schema_extra={
            "labels": {
                "default": "As the gateway is started",
                "as-sent": "As sent",
                "normalize": "Normalize",
                "refuse": "Refuse: 400",
            }
        },
    )

    @model_validator(mode="after")
    def _names_whom_to_believe(self) -> Self:
        if self.uses_proxy_protocol and not self.networks and not self.hops:
            raise fault("usesProxyProtocol", "name the trusted networks that it is taken from")
        return self


@dataclass(frozen=True)
class _Form:
    title: str = "Ingress"
    config: type[Ingress] = Ingress


def of(gateway: Gateway) -> dict[str, Any]:
    return {
        "networks": list(gateway.trusted_networks),
        "hops": gateway.trusted_hops,
        "usesProxyProtocol": gateway.uses_proxy_protocol,
        "slashes": gateway.path_slashes,
    }


def seen(gateway: Gateway) -> str:
    """The version of what the form shows."""
    return version(of(gateway))


@transaction.atomic
def change(actor: User, gateway: Gateway, given: Mapping[str, Any], *, seen_version: str = "") -> None:
    """Raises ValidationError by "config.<field>", Changed when it is not as it was seen."""
    try:
        wanted = Ingress.model_validate(dict(given))
    except pydantic.ValidationError as error:
        raise ValidationError(config_messages.messages(_Form(), error)) from error
    bookkeeping.lock(gateway)
    gateway.refresh_from_db()
    check(seen_version, seen(gateway))
    before = of(gateway)
    gateway.trusted_networks = list(wanted.networks)
    gateway.trusted_hops, gateway.uses_proxy_protocol = wanted.hops, wanted.uses_proxy_protocol
    gateway.path_slashes = wanted.slashes
    if of(gateway) == before:
        return
    gateway.save(update_fields=[*FIELDS, "updated_at"])
    bookkeeping.bump_gateway(gateway)
    audit.record(
        actor,
        AuditEntry.Action.UPDATE,
        gateway,
        organization=gateway.environment.organization,
        environment=gateway.environment,
        before=before,
        after=of(gateway),
    )


def warnings(gateway: Gateway) -> dict[str, list[str]]:
    """What is sound and probably not meant, by field."""
    return {"hops": [BELIEVES_ALL]} if gateway.trusted_hops and not gateway.trusted_networks else {}


def resources(gateway: Gateway) -> Iterator[r.Configuration]:
    """What the gateway's snapshot says of it; nothing of what was never set."""
    if gateway.trusted_networks or gateway.trusted_hops:
        trusted = {"networks": gateway.trusted_networks, "hops": gateway.trusted_hops}
        yield _configuration(gateway, "trusted-proxies", trusted_proxies=trusted)
    if gateway.uses_proxy_protocol:
        yield _configuration(gateway, "proxy-protocol", proxy_protocol={"enabled": True})
    if gateway.path_slashes != Gateway.PathSlashes.DEFAULT:
        yield _configuration(gateway, "paths", paths={"slashes": gateway.path_slashes})
    served = [pair for one in _CHALLENGES(environment=gateway.environment_id) for pair in one]
    if served:
        told = [{"token": token, "answer": answer} for token, answer in served]
        yield _configuration(gateway, "acme-challenges", acme_challenges={"challenges": told})


_CHALLENGES = CompiledQuery(
    lambda environment: (
        AcmeSource.objects.filter(environment=environment)
        .exclude(challenges=[])
        .order_by("pk")
        .values_list("challenges", flat=True)
    ),
    environment=uuid4(),
)


def _configuration(gateway: Gateway, name: str, **part: Any) -> r.Configuration:
    return r.Configuration(
        api_version=VERSION,
        kind="Configuration",
        metadata=r.Metadata(name=name, namespace=str(gateway.environment_id)),
        spec=r.ConfigurationSpec(**part),
    )
