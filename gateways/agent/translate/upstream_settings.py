"""What a Service says beside its address: refused where it cannot act."""

from collections.abc import Collection, Iterator, Sequence

from gateways.protocol import resources as r
from gateways.protocol import upstream_faults
from gateways.protocol.addresses import BadAddress, upstream_address
from gateways.protocol.faults import Fault, Faulty, fault
from gateways.protocol.upstream_settings import UpstreamSettings
from policies.catalog import UnknownPolicy, find, says_setting


def settled(service: r.Service, bindings: Sequence[r.PolicyBinding]) -> UpstreamSettings:
    """The settings of one whose address is sound, beside the bindings that target it. Raises Faulty."""
    settings = service.spec.settings
    if settings.is_usual:
        return settings
    said = {says_setting(policy_name(one)) for one in bindings}
    found = list(upstream_faults.faults(upstream_address(service.spec.address), settings, said))
    found += filter(None, (_beside(policy_name(one), settings) for one in bindings))
    if found:
        raise Faulty(*(fault(service, ("spec", *path), message) for path, message in found))
    return settings


def policy_name(binding: r.PolicyBinding) -> str:
    """The catalog's, where the binding says an alias."""
    written = binding.spec.policy_ref.name
    try:
        return find(written).name
    except UnknownPolicy:
        return written


def advice(service: r.Service, policies: Collection[str]) -> Iterator[Fault]:
    """`policies` are the names of those that act on it."""
    try:
        address = upstream_address(service.spec.address)
    except BadAddress:
        return
    said = set(map(says_setting, policies))
    for path, message in upstream_faults.warnings(address, service.spec.settings, said):
        yield fault(service, ("spec", *path), message, is_warning=True)


def _beside(policy: str, settings: UpstreamSettings) -> upstream_faults.Found | None:
    return upstream_faults.beside(policy, says_setting(policy), settings)
