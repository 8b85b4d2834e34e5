"""What is found in routes and upstreams, as they are saved or as somebody is typing them."""

import ipaddress
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from urllib.parse import urlsplit
from uuid import UUID

from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, settings_of
from apis.lint.finding import Finding, FindingPlace, by_field, context_place, route_place, upstream_place
from apis.models import ApiInstance
from apis.rules import instances, listeners, policy_side, upstream_settings, upstream_uri
from gateways.protocol import reach, regex
from gateways.protocol.groups import glue_advice
from gateways.protocol.rules import EVERY_PATH, Rule

Acting = Mapping[UUID, Collection[str]]
"""By upstream the names of the outbound policies that act on it."""
_LOCAL = re.compile(r"(?:.*\.)?(?:localhost|local|internal|intranet|lan|home\.arpa|svc|consul|test)", re.I)
"""Names that no public name server knows."""
_SETTINGS = {
    "algorithm": "upstream-hash-of-one",
    "timeoutInSeconds": "upstream-check-overlaps",
    "weight": "upstream-host-weight-zero",
    "address": "upstream-failover",
    "path": "upstream-failover",
}
"""By the last name of the field; what is about another one is `_OF_SETTING`."""
_OF_SETTING = "upstream-setting"
_SETTINGS_ABOUT = {
    "upstream-hash-of-one": "Load balancing",
    "upstream-check-overlaps": "Health check",
    "upstream-host-weight-zero": "Hosts",
    "upstream-failover": "Failover",
    _OF_SETTING: "Settings",
}
_ABOUT = {"path": "Path", "methods": "Methods", "host": "Host"}


def warnings(desired: DesiredApi, api: ApiInstance | None = None) -> dict[str, list[str]]:
    """What may be saved but is probably not meant, by field of the form. `api` is what it is an edit of."""
    hint = listeners.hint(desired.port)
    has_settings = any(not told.is_usual for _, told in settings_of(desired.routes))
    acting = policy_side.acting(api) if api and has_settings else {}
    found = by_field(findings(None, desired.routes, desired.base_path, acting))
    return {**({"port": [hint]} if hint else {}), **found}


def findings(
    api: int | None, routes: Sequence[DesiredRoute], base_path: str, acting: Acting
) -> Iterator[Finding]:
    """`api` is the id of one that is saved. Of more and longer rules than may be saved nothing is said."""
    routes = routes[: instances.MAX_ROUTES]
    if any(len(text) > instances.MAX_REGEX for route in routes for text in _expressions(route)):
        return
    places = [_place(api, number, route) for number, route in enumerate(routes, 1)]
    for at, (place, route) in enumerate(zip(places, routes, strict=True)):
        yield from _of_rule(place, at, route, base_path)
    for at, before in reach.never_reached([(rule_of(route),) for route in routes]):
        text = f"gets no request: route {before + 1} takes them all; put it behind this one"
        yield Finding("route-unreachable", places[at], text, field=f"routes.{at}")
    yield from _of_upstreams(api, routes, acting)


def _expressions(route: DesiredRoute) -> Iterator[str]:
    yield from (route.methods, route.path, route.host, *route.headers.values())


def rule_of(route: DesiredRoute) -> Rule:
    """In the form in which rules are compared, as the gateway takes it."""
    path, host = (regex.unanchored(regex.as_taken(one)) for one in (route.path, route.host))
    headers = tuple(sorted((name.lower(), text) for name, text in route.headers.items()))
    return Rule(None if path in EVERY_PATH else path, route.methods or None, host or None, headers)


def _place(api: int | None, number: int, route: DesiredRoute) -> FindingPlace:
    rule = {"methods": route.methods, "path": route.path, "host": route.host, "headers": route.headers}
    return route_place(api, number, route.label, rule)


def _of_rule(place: FindingPlace, at: int, route: DesiredRoute, base_path: str) -> Iterator[Finding]:
    given = {"path": route.path, "methods": route.methods, "host": route.host}
    for name, text in reach.advice(given, base_path.rstrip("/")):
        yield Finding(f"route-{name}", place, text, _ABOUT[name], f"routes.{at}.{name}")
    for text in _glued(route):
        yield Finding("route-path", place, text, "Path", f"routes.{at}.path")


def _glued(route: DesiredRoute) -> Iterator[str]:
    """Advice on a rule whose groups would be joined to an upstream's path without a slash between."""
    try:
        expression = regex.as_taken(route.path)
        regex.check(expression)
    except regex.BadRegex:
        return
    sound = (one.uri for one in route.upstreams if not upstream_uri.fault(one.uri))
    paths = {upstream_uri.read(uri).path or "/" for uri in sound}
    yield from sorted(filter(None, (glue_advice(expression, path) for path in paths)))


def _of_upstreams(api: int | None, routes: Sequence[DesiredRoute], acting: Acting) -> Iterator[Finding]:
    """Each thing once, however many routes lead there."""
    told: set[tuple[str, str]] = set()
    for at, route in enumerate(routes):
        for number, upstream in enumerate(route.upstreams):
            policies = acting.get(upstream.id, ()) if upstream.id else ()
            for one in _of_upstream(api, upstream, policies, f"routes.{at}.upstreams.{number}"):
                if not api or (one.code, one.place.id) not in told:
                    told.add((one.code, one.place.id))
                    yield one
            if upstream.weight == 0 and len(route.upstreams) > 1:
                place = _place(api, at + 1, route)
                text = "gets no request: its weight is 0"
                yield Finding("upstream-weight-zero", place, text, f"Upstream {upstream.uri}")


def _of_upstream(
    api: int | None, upstream: DesiredUpstream, policies: Collection[str], field: str
) -> Iterator[Finding]:
    place = upstream_place(api, upstream.uri)
    if hint := upstream_uri.hint(upstream.uri):
        yield Finding("upstream-resource", place, hint.rstrip("."), "URL", f"{field}.uri")
    elif text := _in_clear(upstream.uri):
        yield Finding("upstream-in-clear", place, text, field=f"{field}.uri")
    for path, text in upstream_settings.warnings(upstream.uri, upstream.settings, policies):
        code = _SETTINGS.get(path.rpartition(".")[2], _OF_SETTING)
        yield Finding(code, place, text, _SETTINGS_ABOUT[code], f"{field}.settings.{path}")
    if upstream.tls_context and upstream.tls_context.skips_validation and api:
        text = (
            f"takes any certificate for {upstream.uri}: whoever is between can read and change what is sent"
        )
        yield Finding("upstream-trusts-anyone", _context(upstream), text)


def _context(upstream: DesiredUpstream) -> FindingPlace:
    assert upstream.tls_context
    return context_place(upstream.tls_context.pk, upstream.tls_context.name)


def _in_clear(uri: str) -> str:
    """Why what is sent there can be read on its way; "" where it cannot, or is sent nearby."""
    if upstream_uri.fault(uri) or upstream_uri.has_tls(uri):
        return ""
    host = urlsplit(uri).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        is_near = "." not in host or _LOCAL.fullmatch(host.rstrip(".")) is not None
        where = f"{host} may be on another network"
    else:
        is_near, where = not address.is_global, f"{host} is on the internet"
    return (
        "" if is_near else f"is reached without TLS, and {where}: what is sent there can be read on its way"
    )
