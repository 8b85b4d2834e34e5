"""The proxies that stand before a gateway, whose word on the caller it takes.

Here and not with gateways, because a change is pushed as a change of an API is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

import pydantic
from django.core.exceptions import ValidationError
from django.db import transaction
from pydantic import AfterValidator, Field, model_validator

from apis import config_faults, ledger
from console import audit
from console.models import AuditEntry, User
from console.versions import check, version
from gateways.models import Gateway
from gateways.protocol import resources as r
from gateways.protocol.networks import MOST_HOPS, MOST_NETWORKS, checked_network
from policies.policy import PolicyConfig, at_most, fault

VERSION = "gateway.mulesoft.com/v1alpha1"


class Proxies(PolicyConfig):
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

    @model_validator(mode="after")
    def _names_whom_to_believe(self) -> Self:
        if self.uses_proxy_protocol and not self.networks and not self.hops:
            raise fault("usesProxyProtocol", "name the trusted networks that it is taken from")
        return self


@dataclass(frozen=True)
class _Form:
    title: str = "Proxies before this gateway"
    config: type[Proxies] = Proxies


def of(gateway: Gateway) -> dict[str, Any]:
    return {
        "networks": list(gateway.trusted_networks),
        "hops": gateway.trusted_hops,
        "usesProxyProtocol": gateway.uses_proxy_protocol,
    }


def seen(gateway: Gateway) -> str:
    """The version of what the form shows."""
    return version(of(gateway))


@transaction.atomic
def change(actor: User, gateway: Gateway, given: Mapping[str, Any], *, seen_version: str = "") -> None:
    """Raises ValidationError by "config.<field>", Changed when it is not as it was seen."""
    try:
        proxies = Proxies.model_validate(dict(given))
    except pydantic.ValidationError as error:
        raise ValidationError(config_faults.messages(_Form(), error)) from error
    ledger.lock(gateway)
    gateway.refresh_from_db()
    check(seen_version, seen(gateway))
    before = of(gateway)
    gateway.trusted_networks = list(proxies.networks)
    gateway.trusted_hops, gateway.uses_proxy_protocol = proxies.hops, proxies.uses_proxy_protocol
    if of(gateway) == before:
        return
    gateway.save(update_fields=["trusted_networks", "trusted_hops", "uses_proxy_protocol", "updated_at"])
    ledger.bump_gateway(gateway)
    audit.record(
        actor,
        AuditEntry.Action.UPDATE,
        gateway,
        organization=gateway.environment.organization,
        environment=gateway.environment,
        before=before,
        after=of(gateway),
    )


def resources(gateway: Gateway) -> Iterator[r.Configuration]:
    """What the gateway's snapshot says of them; nothing where nobody is trusted."""
    if gateway.trusted_networks or gateway.trusted_hops:
        trusted = {"networks": gateway.trusted_networks, "hops": gateway.trusted_hops}
        yield _configuration(gateway, "trusted-proxies", trusted_proxies=trusted)
    if gateway.uses_proxy_protocol:
        yield _configuration(gateway, "proxy-protocol", proxy_protocol={"enabled": True})


def _configuration(gateway: Gateway, name: str, **part: Any) -> r.Configuration:
    return r.Configuration(
        api_version=VERSION,
        kind="Configuration",
        metadata=r.Metadata(name=name, namespace=str(gateway.environment_id)),
        spec=r.ConfigurationSpec(**part),
    )
