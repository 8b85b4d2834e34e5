"""An API's traffic by upstream: which one was asked, how it answered, and how long it took."""

import re
from dataclasses import dataclass

from analytics import queries
from analytics.figures import Figures
from analytics.queries import UpstreamCalls
from analytics.ranges import Range
from apis import resource_names
from apis.models import ApiInstance
from gateways.protocol.resource_paths import OTHER

_KEY = re.compile(r"[0-9a-f]{8}|other")
FORMER, OTHERS, UNTOLD = "A former upstream", "Others", "Not told: gateways of an older release"


@dataclass(frozen=True)
class UpstreamTraffic:
    """`key` is how addresses of pages name the upstream; "" for what gateways did not tell.

    `share` is in percent of all that went to upstreams.
    """

    key: str
    title: str
    figures: Figures
    share: float

    @property
    def p50_ms(self) -> float | None:
        return self.figures.upstream_ms(0.5)

    @property
    def p95_ms(self) -> float | None:
        return self.figures.upstream_ms(0.95)


def rows(api: ApiInstance, over: Range) -> list[UpstreamTraffic]:
    """The one that was asked most first, those of the API that nobody asked last."""
    titles = _titles(api)
    found = queries.by_service(api.pk, over)
    whole = sum(one.requests for one in found.values()) or 1
    idle = {service: Figures() for service in titles if service and service not in found}
    return [
        UpstreamTraffic(_key(service), titles.get(service, FORMER), one, 100 * one.requests / whole)
        for service, one in {**found, **idle}.items()
        if one.requests or service != OTHER
    ]


def chosen(api: ApiInstance, key: str) -> UpstreamCalls | None:
    """The upstream that an address names."""
    if not _KEY.fullmatch(key):
        return None
    return UpstreamCalls(api.pk, OTHER if key == "other" else resource_names.of_upstream(api.pk, key))


def _titles(api: ApiInstance) -> dict[str, str]:
    """What people call the upstreams, by the names of their Services."""
    named = {resource_names.of_upstream(api.pk, one.pk.hex): str(one) for one in api.upstreams.all()}
    return {**named, "": UNTOLD, OTHER: OTHERS}


def _key(service: str) -> str:
    return "other" if service == OTHER else service.rpartition("-")[2]
