"""What is allowed and probably not meant: warnings about single resources."""

from base64 import b64decode
from collections.abc import Iterator, Sequence

from gateways.agent import resources as r
from gateways.agent import tls
from gateways.agent.addresses import BadAddress, listener_address, upstream_address
from gateways.agent.faults import Fault, Path, fault


def warnings(resources: Sequence[r.AnyResource]) -> list[Fault]:
    return [warning for resource in resources for warning in _of(resource)]


def _of(resource: r.AnyResource) -> Iterator[Fault]:
    if isinstance(resource, r.ApiInstance):
        yield from _listener(resource)
        for name, service in resource.spec.services.items():
            yield from _upstream(resource, ("spec", "services", name, "address"), service.address)
    elif isinstance(resource, r.Service):
        yield from _upstream(resource, ("spec", "address"), resource.spec.address)
    elif isinstance(resource, r.PolicyBinding):
        yield from _tls_version(resource)
    elif isinstance(resource, r.Secret):
        yield from _base64(resource)


def _listener(resource: r.ApiInstance) -> Iterator[Fault]:
    try:
        address = listener_address(resource.spec.address)
    except BadAddress:
        return
    if address.is_loopback:
        yield _warning(resource, ("spec", "address"), f"{address.host} is reached from this machine alone")


def _upstream(resource: r.AnyResource, path: Path, text: str) -> Iterator[Fault]:
    try:
        address = upstream_address(text)
    except BadAddress:
        return
    if address.path:
        yield _warning(resource, path, f"the path {address.path} is ignored; write it as destinationPath")
    if address.scheme == "https" and not address.has_port:
        yield _warning(resource, path, "has no port, 443 is used; write it to be clear")


def _tls_version(resource: r.PolicyBinding) -> Iterator[Fault]:
    if resource.spec.policy_ref.name not in (*tls.INBOUND, *tls.OUTBOUND):
        return
    if resource.spec.config.get("minversion") in ("1.0", "1.1"):
        yield _warning(resource, ("spec", "config", "minversion"), "below 1.2 is not safe any more")


def _base64(resource: r.Secret) -> Iterator[Fault]:
    for name, text in (("crt", resource.spec.tls.crt), ("key", resource.spec.tls.key)):
        try:
            b64decode(text, validate=True)
        except ValueError:
            yield _warning(resource, ("spec", "tls", name), "is not base64")


def _warning(resource: r.AnyResource, path: Path, message: str) -> Fault:
    return fault(resource, path, message, is_warning=True)
