"""What an upstream is told that cannot act, or is probably not meant: together with its address."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from pydantic.alias_generators import to_camel

from gateways.protocol.addresses import UpstreamAddress
from gateways.protocol.upstream_hosts import host_port_of, is_ip
from gateways.protocol.upstream_settings import UpstreamSettings

Found = tuple[tuple[str | int, ...], str]
"""The path of the field, by names outside, and what is wrong with it: no sentence yet."""
UNASKED = (
    "gets nothing: nothing tells when it is needed; allow a retry, add a health check, or eject hosts"
    " after errors"
)
UNASKED_BY_SOME = (
    "gets no POST or PATCH while nobody knows that it is needed; add a health check, or eject hosts"
)

COUNTED_APART = frozenset(("max_connections", "max_pending_requests", "max_requests"))
APART = (
    "counts by itself for the upstream's own hosts, for backups and for who takes over, since each caller has"
    " a host: together they may be more"
)


@dataclass(frozen=True)
class Where:
    """A host with its port: that of the URL's where it says none. `takes_over` is another upstream."""

    host: str
    port: int
    weight: int = 1
    backup: bool = False
    takes_over: bool = False


def places(host: str, port: int, settings: UpstreamSettings) -> list[Where]:
    """Where the upstream runs: its hosts, or else what its address says."""
    if not settings.hosts:
        return [Where(host, port)]
    read = ((host_port_of(one.address), one) for one in settings.hosts)
    return [Where(at.host, at.port or port, one.weight, one.backup) for at, one in read]


def failover(port: int, settings: UpstreamSettings) -> Where | None:
    """Who takes over for an upstream at this port."""
    if settings.failover.address is None:
        return None
    at = host_port_of(settings.failover.address)
    return Where(at.host, at.port or port, takes_over=True)


def faults(
    address: UpstreamAddress, settings: UpstreamSettings, said: Collection[str] = ()
) -> Iterator[Found]:
    """What is refused, beside outbound policies that say these parts of settings."""
    found = places(address.host, address.port, settings)
    yield from _hosts(found, settings)
    yield from _balancing(found, settings, is_checked=settings.is_checked or "healthCheck" in said)
    yield from _failover(found, failover(address.port, settings))
    ejection = settings.outlier_detection
    if ejection.consecutive_errors and _known(found) and len(found) * ejection.most_ejected_percent < 100:
        count = f"{len(found)} host{'s' if len(found) > 1 else ''}"
        message = f"{ejection.most_ejected_percent} % of {count} is less than one: none would be ejected"
        yield ("outlierDetection", "mostEjectedPercent"), message
    spare = failover(address.port, settings)
    if not settings.dns.is_usual and _known([*found, *([spare] if spare else [])]):
        yield ("dns",), "each host is an IP address or localhost, which is not looked up; take it out"


def warnings(
    address: UpstreamAddress, settings: UpstreamSettings, said: Collection[str] = ()
) -> Iterator[Found]:
    """What may not be meant, beside outbound policies that say these parts of settings."""
    found = places(address.host, address.port, settings)
    hashes = settings.load_balancing.algorithm in ("consistentHash", "sticky")
    if hashes and len(found) == 1 and not _known(found):
        message = f"chooses among what {found[0].host} resolves to, which may be one host"
        yield ("loadBalancing", "algorithm"), message
    if settings.health_check.kind != "none" and settings.health_check.timeout_in_seconds > (
        settings.health_check.interval_in_seconds
    ):
        yield ("healthCheck", "timeoutInSeconds"), "is longer than the time between two questions"
    is_checked = settings.is_checked or "healthCheck" in said
    if settings.failover.address and not is_checked:
        yield ("failover", "address"), UNASKED if settings.retries.most == 0 else UNASKED_BY_SOME
    if "healthCheck" in said and settings.load_balancing.refuse_while_unhealthy:
        message = "does nothing beside the policy that checks the upstream's health, which says it itself"
        yield ("loadBalancing", "refuseWhileUnhealthy"), message
    if hashes and settings.failover.address:
        for name in sorted(settings.limits.model_fields_set & COUNTED_APART):
            if getattr(settings.limits, name) is not None:
                yield ("limits", to_camel(name)), APART
    drained = [at for at, one in enumerate(found) if not one.weight]
    for at in drained:
        yield ("hosts", at, "weight"), "is 0: this host gets no requests"


def beside(policy: str, said: str, settings: UpstreamSettings) -> Found | None:
    """Where an outbound policy that says this part of settings, or "", does not go with them."""
    if said == "healthCheck" and len(settings.hosts) > 1:
        message = f"policy {policy} is for one host; use the health check of the upstream's own"
        return ("hosts",), message
    if not said or not _is_told(settings, said):
        return None
    return tuple(said.split(".")), f"policy {policy} of this upstream says it too; keep one of the two"


def _is_told(settings: UpstreamSettings, part: str) -> bool:
    if part == "healthCheck":
        return settings.health_check.kind != "none"
    told: Any = settings.told
    for name in part.split("."):
        told = told.get(name, {})
    return bool(told)


def _hosts(found: list[Where], settings: UpstreamSettings) -> Iterator[Found]:
    seen: set[tuple[str, int]] = set()
    for at, one in enumerate(found):
        place = (str(ip_address(one.host)) if is_ip(one.host) else one.host, one.port)
        if place in seen:
            yield ("hosts", at, "address"), "is listed twice; give one of them more weight instead"
        seen.add(place)
    if not settings.hosts:
        return
    if all(one.backup for one in found):
        yield ("hosts",), "all are backups; leave one that gets requests when all is well"
    elif not any(one.weight for one in found if not one.backup):
        yield ("hosts",), "all weights are 0: nobody would get a request"
    if any(one.backup for one in found) and not settings.is_checked:
        at = next(at for at, one in enumerate(found) if one.backup)
        message = "nothing tells when it is needed; add a health check, or eject hosts after errors"
        yield ("hosts", at, "backup"), message


def _failover(found: list[Where], spare: Where | None) -> Iterator[Found]:
    if spare and any((one.host, one.port) == (spare.host, spare.port) for one in found):
        yield (
            ("failover", "address"),
            "is a host of the upstream itself; name another one, or make it a backup",
        )


def _balancing(found: list[Where], settings: UpstreamSettings, *, is_checked: bool) -> Iterator[Found]:
    balancing = settings.load_balancing
    served = [one for one in found if one.weight and not one.backup]
    if balancing.algorithm != "roundRobin" and len(found) == 1 and _known(found):
        yield ("loadBalancing", "algorithm"), "there is one host to choose from; add hosts, or take it out"
    if balancing.algorithm == "random" and len({one.weight for one in served}) > 1:
        yield ("loadBalancing", "algorithm"), "random does not count weights; make them equal"
    if balancing.slow_start_in_seconds and settings.health_check.kind == "none" and _known(found):
        message = "no host ever becomes healthy; add a health check, or take it out"
        yield ("loadBalancing", "slowStartInSeconds"), message
    if balancing.refuse_while_unhealthy and not is_checked:
        message = "nothing tells whether hosts are healthy; add a health check, or eject hosts after errors"
        yield ("loadBalancing", "refuseWhileUnhealthy"), message


def _known(found: list[Where]) -> bool:
    """Whether DNS adds none: each is an IP address, or this machine."""
    return all(is_ip(one.host) or one.host == "localhost" for one in found)
