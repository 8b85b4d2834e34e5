"""The routes of an API: each rule in Envoy's words, to its targets, with the API's whole policy chain."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateways.agent.translate import ir
from gateways.agent.xds import failover, own_routes, retries
from gateways.agent.xds.access_log import RouteName
from gateways.agent.xds.filter_chain import path_noted, scripts_id
from gateways.agent.xds.hosts import hash_policy
from gateways.agent.xds.joined_paths import judged
from gateways.agent.xds.route_match import Match, matches
from gateways.agent.xds.saying import over
from gateways.protocol.rules import Rule
from gateways.protocol.spelling import INDIVISIBLE
from gateways.protocol.upstream_settings import UpstreamSettings

_FRACTION = 1_000_000


@dataclass(frozen=True)
class ApiRoutes:
    """What holds for all routes of an API.

    `slots` are what its policies fill on each route, and `said` their entries of each route's action.
    `clusters` has the name of each upstream's. `seconds` is how long upstreams may take to begin an answer;
    None is `usual_seconds`, what the gateway says. `rewrites_host`: whether upstreams get their own name as
    Host.
    """

    api: ir.Api
    slots: Mapping[str, Any]
    said: Mapping[str, Any]
    clusters: Mapping[ir.Upstream, str]
    seconds: float | None
    usual_seconds: float
    idle_seconds: float
    rewrites_host: bool

    def compiled(self) -> Iterator[dict[str, Any]]:
        """In order; the last one answers what no other matches."""
        takes_everything, scripts = False, scripts_id(self.slots)
        for route in self.api.routes:
            name = RouteName(self.api.namespace, self.api.name, route.label, scripts=scripts)
            for rule in route.rules or (Rule(),):
                for match in matches(self.api.base_path, rule):
                    takes_everything = takes_everything or match.is_everything
                    for made, target in self._to_targets(match, route.targets):
                        yield {**_led(name, match, target, self.slots), **made}
        if not takes_everything:
            (match,) = matches(self.api.base_path, Rule())
            name = RouteName(self.api.namespace, self.api.name, "none", scripts=scripts)
            answer = own_routes.answer(404, "No route of this API matches the request.")
            yield {**_named(name, "", "", self.slots), "match": match.match, **answer}

    def _to_targets(
        self, match: Match, targets: Sequence[ir.WeightedTarget]
    ) -> Iterator[tuple[dict[str, Any], ir.WeightedTarget | None]]:
        """One route; one for each target where they differ in what Envoy cannot weigh in one: in path, say.

        With each, its target, or the first of those that do not differ.
        """
        if match.is_refused:
            yield {"match": match.match, **own_routes.answer(400, INDIVISIBLE)}, None
            return
        ways_to = {(target.destination_path, _ways(target.upstream)) for target in targets}
        if len(targets) == 1 or (len(ways_to) == 1 and not _has_failover(targets)):
            yield {"match": match.match, "route": self._action(match, targets)}, targets[0]
            return
        total, so_far = sum(target.weight for target in targets), 0
        for target in targets:
            so_far += target.weight
            share = {"numerator": round(_FRACTION * so_far / total), "denominator": "MILLION"}
            fraction = {"runtime_fraction": {"default_value": share}} if so_far < total else {}
            yield {"match": {**match.match, **fraction}, "route": self._action(match, [target])}, target

    def _action(self, match: Match, targets: Sequence[ir.WeightedTarget]) -> dict[str, Any]:
        action: dict[str, Any] = {"timeout": "0s", "idle_timeout": f"{self.idle_seconds:g}s"}
        action |= match.path.action(targets[0].destination_path)
        http2 = any(target.upstream.is_http2 for target in targets)
        settings = targets[0].upstream.settings
        if http2 or self.seconds is not None or retries.says(settings):
            limit = self.usual_seconds if self.seconds is None else self.seconds
            action["retry_policy"] = retries.policy(limit, http2=http2, settings=settings)
        if hashes := hash_policy(settings.load_balancing):
            action["hash_policy"] = hashes
        action = retries.reaching(self._over(action, settings), settings)
        if len(targets) == 1:
            return {**action, **self._to(targets[0], "cluster")}
        weighed = [{**self._to(target, "name"), "weight": target.weight} for target in targets]
        return {**action, "weighted_clusters": {"clusters": weighed}}

    def _over(self, action: dict[str, Any], settings: UpstreamSettings) -> dict[str, Any]:
        """With what policies say of it; of retries an upstream has the last word."""
        said = self.said
        if settings.retries.most is not None:
            said = {name: value for name, value in said.items() if name != "retry_policy"}
        if not said:
            return action
        # A route that says something of its retries says all of it: the host's do not count for it then.
        usual = {"retry_policy": retries.policy(self.usual_seconds)} if "retry_policy" in said else {}
        return over({**usual, **action}, said)

    def _to(self, target: ir.WeightedTarget, field: str) -> dict[str, Any]:
        to = {field: self.clusters[target.upstream]}
        if not self.rewrites_host:
            return to
        if target.upstream.settings.failover.address:
            # By the host that is chosen; it stands in its endpoint.
            return {**to, "auto_host_rewrite": True}
        return {**to, "host_rewrite_literal": target.upstream.authority}


def _has_failover(targets: Sequence[ir.WeightedTarget]) -> bool:
    """Then the Host header is the route's to say: none of those among which it shares requests out."""
    return any(target.upstream.settings.failover.address for target in targets)


def _ways(upstream: ir.Upstream) -> object:
    """What of its settings is its routes' to say."""
    return retries.ways(upstream.settings), str(hash_policy(upstream.settings.load_balancing))


def _led(
    name: RouteName, match: Match, target: ir.WeightedTarget | None, slots: Mapping[str, Any]
) -> dict[str, Any]:
    """Name and slots of a route that leads to this target, or refuses."""
    if target is None:
        return _named(name, match.removed, "", slots)
    slots = {**slots, **judged([*failover.joinings(match.path, target)]), **failover.of_route(target)}
    # By the path that another upstream got, the client's could not be told.
    removed = None if target.upstream.settings.failover.path else match.removed
    return _named(name, removed, target.destination_path.rstrip("/"), slots)


def _named(name: RouteName, removed: str | None, put: str, slots: Mapping[str, Any]) -> dict[str, Any]:
    """A route's name, and its slots: with the note of the client's path where the name cannot tell of it."""
    if removed is None or not (removed + put).isprintable() or " " in removed + put:
        slots = path_noted(slots)
    else:
        name = replace(name, removed=removed, put=put)
    return {"name": str(name), **({"typed_per_filter_config": slots} if slots else {})}
