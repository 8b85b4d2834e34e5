"""Who uses APIs that are about to be deleted: said before it is done, to whom may see it."""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.db.models import Case, Count, Q, QuerySet, When
from django.db.models.functions import Coalesce

from apis import addresses, traffic
from apis.addresses import LOOPBACK
from apis.contracts.models import Contract
from apis.lists import ordering
from apis.models import ApiInstance, Upstream
from apis.promotions.models import Counterpart
from console.among import among
from console.models import Role
from console.named import MOST, few
from console.permissions import Permission
from console.scope import Request
from gateways.models import Gateway
from gateways.protocol.addresses import UPSTREAM_PORTS


class UsedBy(NamedTuple):
    """A sentence; `who` stands out at its beginning."""

    who: str
    does: str


OF_A_PAGE = 100
Apis = Collection[int] | QuerySet[Any, int]
"""Their ids. Those of thousands are a query: written into each statement they took most of its time."""
Place = tuple[str, int | None, str]
"""Host, port, and the path in front."""


def uses(request: Request, environment_may: Collection[str], apis: Apis, count: int = 1) -> list[UsedBy]:
    """Of so many APIs by whatever is not deleted with them, in as many queries for one as for thousands."""
    what = "it" if count == 1 else "them"
    found = [*_calls(request, apis, count)]
    if Permission.VIEW_CONTRACTS in environment_may:
        found = [*_callers(apis, what), *found]
    return [*found, *_leading(request, apis, what), *_copies(request, apis), *_roles(apis, what)]


def _callers(apis: Apis, what: str) -> Iterator[UsedBy]:
    contracts = Contract.objects.filter(api__in=apis)
    in_force = contracts.in_force()
    names = in_force.order_by("application__name").values_list("application__name", flat=True).distinct()
    counted = in_force.aggregate(
        applications=Count("application", distinct=True), apis=Count("api", distinct=True)
    )
    if count := counted["applications"]:
        which = what if what == "it" else f"{counted['apis']:,} of them"
        stays = f"Contracts and SLA tiers go with {what}, and come back with {what}."
        yield UsedBy(
            _some(count, "client application"),
            f"may call {which}: {few(list(names[: MOST + 1]))}. {stays}",
        )
    if count := contracts.waiting().count():
        yield UsedBy(_some(count, "request"), f"for access to {what} wait{'s' * (count == 1)} for an answer.")


def _calls(request: Request, apis: Apis, count: int) -> Iterator[UsedBy]:
    called, total = _requests(request, apis, count)
    if total:
        which = "it" if count == 1 else f"{called:,} of them"
        yield UsedBy(f"{total:,} request{'s' * (total != 1)}", f"came to {which} in the last 24 hours.")


def _requests(request: Request, apis: Apis, count: int) -> tuple[int, int]:
    """How many were called, and how often. Those of thousands are counted as their list does."""
    place = request.scope.environment
    if place is None or count <= OF_A_PAGE:
        counted = [one.requests for one in traffic.by_hour(apis).values() if one.requests]
        return len(counted), sum(counted)
    rows = apis if isinstance(apis, QuerySet) else ApiInstance.objects.filter(pk__in=among(apis)).values("pk")
    called, total = ordering.summed(traffic.measured(place, "requests"), rows)
    return called, int(total)


def _leading(request: Request, apis: Apis, what: str) -> Iterator[UsedBy]:
    """Other APIs whose upstream is the address of one of these, as far as that is known."""
    visible = ApiInstance.objects.visible_to(request.user).exclude(pk__in=apis)
    rows = Upstream.objects.filter(api__in=visible).order_by().values_list("api", "uri")
    fronts = [(api, front) for api, uri in rows for front in _fronts(uri)]
    # Of thousands that are deleted, those alone are read that answer below some upstream's path.
    places = set(_places(apis, {path for _, (_, _, path) in fronts})) if fronts else set()
    leading = {api for api, front in fronts if front in places}
    if leading:
        named = visible.filter(pk__in=leading).select_related("asset").order_by("asset__name", "pk")
        verb = "sends its requests" if len(leading) == 1 else "send their requests"
        yield UsedBy(_some(len(leading), "other API"), f"{verb} to {what}: {few(list(named[: MOST + 1]))}.")


def _copies(request: Request, apis: Apis) -> Iterator[UsedBy]:
    links = Counterpart.objects.filter(origin__in=apis).exclude(copy__in=apis)
    visible = ApiInstance.objects.visible_to(request.user)
    found = links.filter(copy__in=visible).select_related("copy__asset", "copy__environment")
    if count := found.count():
        rows = found.order_by("copy__asset__name", "pk")[: MOST + 1]
        named = few([f"{one.copy} in {one.copy.environment}" for one in rows])
        was, stays = ("was", "It stays") if count == 1 else ("were", "They stay")
        yield UsedBy(_some(count, "API"), f"{was} promoted from here: {named}. {stays}.")


def _places(apis: Apis, paths: Collection[str]) -> Iterator[Place]:
    """Where those answer that have one of these paths, or an address of their own: as saved, or as they run
    while another address is pending.
    """
    waits = Q(is_deployed=True, pending_since__isnull=False)
    port, path = (
        Case(When(waits, then=Coalesce(f"revision__{name}", name)), default=name)
        for name in ("port", "base_path")
    )
    listed = [f"{one}{end}" for one in paths for end in ("", "/")]
    rows = ApiInstance.objects.filter(pk__in=apis).order_by().annotate(at=port, below=path)
    rows = rows.filter(Q(below__in=listed) | ~Q(consumer_endpoint=""))
    found = list(rows.values_list("gateway", "at", "below", "consumer_endpoint"))
    gateways = Gateway.objects.filter(pk__in={one[0] for one in found}).prefetch_related("replicas")
    hosts = {one.pk: _host(addresses.host_of(one)) for one in gateways}
    for gateway, at, below, endpoint in found:
        yield hosts.get(gateway, _host(addresses.UNKNOWN)), at, below.rstrip("/")
        if endpoint and (told := _read(endpoint)):
            yield told


def _fronts(uri: str) -> Iterator[Place]:
    """The place of an upstream, and those in front of it."""
    if told := _read(uri):
        host, port, path = told
        parts = path.split("/")
        yield from ((host, port, "/".join(parts[:end])) for end in range(1, len(parts) + 1))


def _read(uri: str) -> Place | None:
    try:
        found = urlsplit(uri)
        port = found.port or UPSTREAM_PORTS.get(found.scheme)
    except ValueError:
        return None
    return (_host(found.hostname), port, found.path.rstrip("/")) if found.hostname else None


def _host(host: str) -> str:
    return "localhost" if host in LOOPBACK else host.lower()


def _roles(apis: Apis, what: str) -> Iterator[UsedBy]:
    if count := Role.objects.filter(api__in=apis).count():
        only = "it alone" if what == "it" else "single ones of them"
        were, they = ("was", "It ends") if count == 1 else ("were", "They end")
        comes = "comes" if count == 1 else "come"
        yield UsedBy(
            _some(count, "role"),
            f"{were} given for {only}. {they} with {what}, and {comes} back with {what}.",
        )


def _some(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
