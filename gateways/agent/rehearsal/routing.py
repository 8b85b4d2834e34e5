"""Why a request went to one route and to no other: each criterion that Envoy was given, asked again with RE2.

Nothing is decided here: which route took the request is what Envoy told. Where what follows from the criteria
is another one, nothing is told.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import re2

from gateways.agent.translate import ir
from gateways.agent.xds.route_match import matches
from gateways.protocol import regex
from gateways.protocol.rehearsal import ApiWeighed, Criterion, Request, RouteWeighed, RuleWeighed, Share
from gateways.protocol.rules import Rule
from gateways.protocol.upstream_faults import failover

_PARTS = {":path": "path", ":method": "method", ":authority": "host"}
_SHOWN = 200
NONE = "none"
"""The label of what an API answers where no route fits."""


@dataclass(frozen=True)
class SeenRequest:
    """A request as routes see it; `target` is its path with the query, once Envoy has made it plain."""

    target: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


def seen(request: Request, port: int, target: str) -> SeenRequest:
    headers = {":authority": f"localhost:{port}"}
    for name, value in request.headers:
        key = {"host": ":authority"}.get(name.lower(), name.lower())
        is_first = key not in headers or key == ":authority"
        headers[key] = value.strip() if is_first else f"{headers[key]},{value.strip()}"
    return SeenRequest(target, {**headers, ":method": request.method, ":path": target})


def apis(
    request: SeenRequest, port: int, served: Iterable[ir.Api], taken: ir.Api | None
) -> tuple[ApiWeighed, ...]:
    """Those of the port, the one that took the request first."""
    here = [one for one in served if one.listener.port == port]
    found = [
        ApiWeighed(
            api="/".join(one.key),
            base_path=one.base_path or "/",
            is_taken=one is taken,
            holds=_is_below(one.base_path, request.path),
        )
        for one in here
    ]
    return tuple(sorted(found, key=lambda one: (not one.is_taken, one.base_path)))


def routes(request: SeenRequest, api: ir.Api, label: str) -> tuple[RouteWeighed, ...]:
    """Of the API that took it, in order; `label` is the route that Envoy told."""
    found = list(_weighed(request, api))
    holding = next((one for one in found if one.holds), None)
    told = label if label != NONE else ""
    if (holding.route if holding else "") != told:
        return ()
    state, made = "passed-over", []
    for one in found:
        if one is holding:
            made.append(one.model_copy(update={"state": "taken"}))
            state = "not-asked"
        else:
            made.append(one.model_copy(update={"state": state}))
    return tuple(made)


def _weighed(request: SeenRequest, api: ir.Api) -> Iterator[RouteWeighed]:
    for number, route in enumerate(api.routes, 1):
        rules = [_rule(request, api.base_path, rule) for rule in route.rules or (Rule(),)]
        yield RouteWeighed(
            number=number,
            route=route.label,
            state="passed-over",
            holds=any(one.holds for one in rules),
            rules=tuple(rules),
            upstreams=tuple(_shares(route)),
        )


def _rule(request: SeenRequest, base_path: str, rule: Rule) -> RuleWeighed:
    """It holds where one of the matches does that Envoy has of it."""
    several = [_criteria(request, base_path, rule, one.match) for one in matches(base_path, rule)]
    best = next((one for one in several if all(it.holds for it in one)), several[0])
    return RuleWeighed(holds=all(one.holds for one in best), criteria=tuple(best))


def _criteria(request: SeenRequest, base_path: str, rule: Rule, match: Mapping[str, Any]) -> list[Criterion]:
    written = {
        "path": f"{base_path}{rule.path or ''}" or "/",
        "method": rule.methods or "",
        "host": rule.host or "",
        **{f"header {name.lower()}": text for name, text in rule.headers},
    }
    holds = {"path": _is_path(match, request.path)}
    came = {"path": request.path}
    for one in match.get("headers", ()):
        name = str(one["name"])
        part = _PARTS.get(name, f"header {name}")
        value = request.headers.get(name)
        fits = value is not None and _fits(one["string_match"]["safe_regex"]["regex"], value)
        holds[part] = holds.get(part, True) and fits
        if part != "path":
            came[part] = value or ""
    return [
        Criterion(part=part, wanted=written[part], came=came[part][:_SHOWN], holds=fits)
        for part, fits in holds.items()
        if part != "path" or rule.path or base_path
    ]


def _is_path(match: Mapping[str, Any], path: str) -> bool:
    if "safe_regex" in match:
        return _fits(match["safe_regex"]["regex"], path)
    if "path_separated_prefix" in match:
        return _is_below(match["path_separated_prefix"], path)
    return bool(path == match["path"] if "path" in match else path.startswith(match["prefix"]))


def _is_below(base: str, path: str) -> bool:
    return path == base or path.startswith(f"{base}/")


def _fits(expression: str, text: str) -> bool:
    return re2.compile(expression, regex.OPTIONS).fullmatch(text) is not None


def _shares(route: ir.Route) -> Iterator[Share]:
    total = sum(one.weight for one in route.targets)
    for one in route.targets:
        upstream = one.upstream
        spare = failover(upstream.port, upstream.settings)
        own = upstream.settings.failover.path
        yield Share(
            upstream=_place(upstream.host, upstream.port),
            service=upstream.service,
            percent=round(100 * one.weight / total, 2),
            destination_path=one.destination_path,
            takes_over=_place(spare.host, spare.port) if spare else "",
            path_there=(one.destination_path if own is None else own) if spare else "",
        )


def _place(host: str, port: int) -> str:
    return f"{f'[{host}]' if ':' in host else host}:{port}"
