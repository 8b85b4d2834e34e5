"""What a Service says beside its address: refused where it cannot act."""

from collections.abc import Iterator, Sequence

from gateways.protocol import resources as r
from gateways.protocol import upstream_faults
from gateways.protocol.addresses import BadAddress, upstream_address
from gateways.protocol.faults import Fault, Faulty, fault
from gateways.protocol.upstream_settings import UpstreamSettings


def settled(service: r.Service, bindings: Sequence[r.PolicyBinding]) -> UpstreamSettings:
    """The settings of one whose address is sound, beside the bindings that target it. Raises Faulty."""
    settings = service.spec.settings
    if settings.is_usual:
        return settings
    found = list(upstream_faults.faults(upstream_address(service.spec.address), settings))
    found += filter(None, (upstream_faults.beside(one.spec.policy_ref.name, settings) for one in bindings))
    if found:
        raise Faulty(*(fault(service, ("spec", *path), message) for path, message in found))
    return settings


def advice(service: r.Service) -> Iterator[Fault]:
    try:
        address = upstream_address(service.spec.address)
    except BadAddress:
        return
    for path, message in upstream_faults.warnings(address, service.spec.settings):
        yield fault(service, ("spec", *path), message, is_warning=True)
