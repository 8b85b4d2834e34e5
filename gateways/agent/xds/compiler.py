"""From the IR to the files that Envoy reads.

A route carries its API's whole policy chain, so both change at once (see `filter_chain`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any

from gateways.agent.host import secret_files
from gateways.agent.host.trusted_cas import system_ca
from gateways.agent.settings import Proxying
from gateways.agent.translate import ir
from gateways.agent.xds import failover, kept, own_routes, ranks, retries
from gateways.agent.xds.access_log import HELD, RouteName
from gateways.agent.xds.bootstrap import RUNTIME
from gateways.agent.xds.cluster import Outbound, cluster, cluster_name
from gateways.agent.xds.compiled_api import CompiledApi
from gateways.agent.xds.filter_chain import filled, filled_behind, frames, passed, path_noted, scripts_id
from gateways.agent.xds.hosts import hash_policy
from gateways.agent.xds.joined_paths import judged
from gateways.agent.xds.listener import folder, listener, probe_listener, route_config_name
from gateways.agent.xds.policy_filters import PolicyFilters
from gateways.agent.xds.replies import marked
from gateways.agent.xds.route_match import Match, matches
from gateways.agent.xds.saying import joined, over
from gateways.protocol.rules import Rule
from gateways.protocol.spelling import INDIVISIBLE, Slashes
from gateways.protocol.upstream_settings import UpstreamSettings
from policies.catalog import find
from policies.compiled import Compiled, Scope
from policies.documents.document import Document, RememberedTexts, Texts

Names = Mapping[ir.Upstream, str]
"""Of the clusters of an API's upstreams."""
RoutesOf = Callable[[CompiledApi], Iterable[Any]]
_FRACTION = 1_000_000
_SERVER = {
    "header": {"key": "server", "value": "gatewright"},
    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
}
_REQUEST_ID = {
    "header": {"key": "x-request-id", "value": "%REQ(X-REQUEST-ID)%"},
    "append_action": "ADD_IF_ABSENT",
}
"""Each answer carries it, so that a refusal can be asked about."""


@dataclass(frozen=True)
class UpstreamRoutes:
    """What holds for all routes of an API that lead to upstreams.

    `seconds` is how long these may take to begin an answer; None is what the gateway says. `said` are
    policies' entries of each route's action.
    """

    names: Names
    seconds: float | None
    said: Mapping[str, Any]


@dataclass(frozen=True)
class Compiler:
    """`state` is the gateway's state folder; the rest holds for every API.

    `texts` are those at hand of what policies need from the network.
    """

    state: Path
    gateway: ir.Gateway
    proxying: Proxying
    texts: Texts = field(default_factory=dict[Document, str])

    @cached_property
    def settings(self) -> tuple[Any, ...]:
        """All that an API is compiled with, beside itself and texts."""
        return self.state, self.proxying, replace(self.gateway, apis=(), challenges=())

    @classmethod
    def renewed(cls, compiled: CompiledApi, texts: Texts) -> CompiledApi:
        """The same under the same settings, with the texts that are at hand now."""
        state, proxying, gateway = compiled.settings
        return cls(state, gateway, proxying, texts).api(compiled.api, compiled)

    def api(self, api: ir.Api, before: CompiledApi | None = None) -> CompiledApi:
        """What it is as Envoy has it; `before` itself where that is the same.

        Raises ValueError where a policy cannot be compiled; the text names its binding.
        """
        if before and self._is_same(api, before):
            return before
        texts = RememberedTexts(self.texts)
        found = self._policies(api, texts)
        policies = self.policy_filters(found)
        outbound = {one: self._outbound(one, texts) for one in api.upstreams}
        made = [one for several in (found, *outbound.values()) for _, one in several]
        shared = dict.fromkeys(name for one in made for name in one.shared)
        behind = [PolicyFilters(one.behind) for _, one in found if one.behind]
        own = ("/".join(api.key), api.listener.port, api.base_path)
        lasting = kept.kept(*own, _kept(found), folder(self.state))
        slots = {**filled(api.base_path, policies, shared), **filled_behind(behind)}
        slots |= passed(kept.name(api.listener.port), lasting.note) if lasting else {}
        said = joined(((use, one.route_action) for use, one in found), adds_lists=True)
        seconds = min((it.response_seconds for _, it in found if it.response_seconds), default=None)
        sent = {one: _sent(several) for one, several in outbound.items()}
        names = {one: cluster_name(one, it) for one, it in sent.items()}
        clusters = {names[one]: self._cluster(one, it) for one, it in sent.items()}
        mark = marked(next((one.answer_mark for one in made if one.answer_mark), ""))
        asked = {it.name: {**it.config, "name": it.name} for one in made for it in one.clusters}
        return CompiledApi(
            api,
            self.settings,
            tuple(
                {**route, **mark} for route in self._routes(api, slots, UpstreamRoutes(names, seconds, said))
            ),
            {**clusters, **asked},
            frames([*policies, *behind]),
            tuple(it for one in made for it in one.secrets),
            {name: one.service for one, name in names.items()},
            texts.given,
            lasting,
        )

    def policy_filters(self, found: Sequence[tuple[ir.PolicyUse, Compiled]]) -> list[PolicyFilters]:
        """What the policies of an API become, in order."""
        return _policy_filters(found)

    @property
    def slashes(self) -> Slashes:
        return self.gateway.slashes or self.proxying.slashes

    @property
    def shares_counts(self) -> bool:
        return (self.gateway.shared_storage or self.proxying.shared_storage) is not None

    @property
    def _response_seconds(self) -> float:
        return self.gateway.upstream_response_seconds or self.proxying.upstream_response_seconds

    def listeners(self, apis: Sequence[CompiledApi]) -> list[dict[str, Any]]:
        served = ir.Gateway(tuple(compiled.api for compiled in apis)).listeners
        made = [listener(one, self.gateway, self.proxying, self.state) for one in served]
        if self.gateway.probe_port is not None:
            made.append(probe_listener(self.gateway.probe_port, is_ready=bool(apis)))
        return made

    def route_config(
        self, port: int, apis: Iterable[CompiledApi], routes_of: RoutesOf = attrgetter("routes")
    ) -> dict[str, Any]:
        """The routes of one port; APIs that live on other ports are passed over."""
        here = sorted((one for one in apis if one.api.listener.port == port), key=lambda one: one.api.key)
        routes = [route for compiled in here for route in routes_of(compiled)]
        is_plain = all(one.api.listener.tls is None for one in here)
        asked = [own_routes.challenge(*one) for one in self.gateway.challenges] if is_plain else []
        routes = [
            own_routes.refused_paths(self.slashes),
            *own_routes.refused_hosts(),
            *asked,
            *routes,
            own_routes.nothing_here(),
        ]
        host = {
            "name": f"p{port}",
            "domains": ["*"],
            "routes": routes,
            "retry_policy": retries.policy(self._response_seconds),
            **retries.OF_VIRTUAL_HOST,
        }
        config: dict[str, Any] = {"name": route_config_name(port), "virtual_hosts": [host]}
        removed = [] if self.proxying.emits_envoy_headers else ["x-envoy-external-address"]
        config["request_headers_to_remove"] = [*removed, retries.MARK]
        # Here and not by the listener, which would have the last word after policies.
        config["response_headers_to_add"] = [_REQUEST_ID]
        if self.proxying.removes_server_header:
            config["response_headers_to_remove"] = ["server"]
        else:
            config["response_headers_to_add"].append(_SERVER)
        return config

    def kept_filters(self, port: int, apis: Iterable[CompiledApi]) -> dict[int, kept.Chains]:
        """The filters of one port that outlive its routes, by their places."""
        return kept.by_place(one.kept for one in apis if one.kept and one.api.listener.port == port)

    def static(self, apis: Sequence[CompiledApi]) -> dict[str, Any]:
        """A whole static configuration of these APIs."""
        listeners = self.listeners(apis)
        for port, manager in _managers(listeners):
            if manager.pop("rds", None):
                manager["route_config"] = self.route_config(port, apis)
                filters, places = manager["http_filters"], self.kept_filters(port, apis)
                manager["http_filters"] = kept.inlined(filters, port, places)
        clusters = {name: made for one in apis for name, made in one.clusters.items()}
        resources = {"listeners": listeners, "clusters": list(clusters.values())}
        node = {"id": "candidate", "cluster": "gatewright"}
        return {"node": node, "static_resources": resources, "layered_runtime": RUNTIME}

    def candidate(self, apis: Sequence[CompiledApi]) -> dict[str, Any]:
        """The same for `envoy --mode validate`, without the empty slots of this release's listeners: to make
        them, with their Lua states, takes Envoy longer than all that is to be judged.
        """
        config = self.static(apis)
        resources = config["static_resources"]
        resources["clusters"] = [*ranks.apart({it["name"]: it for it in resources["clusters"]}).values()]
        for port, manager in _managers(resources["listeners"]):
            filters = manager["http_filters"]
            manager["http_filters"] = [
                it for it in filters if kept.is_filled(it, port) or not it.get("disabled")
            ]
        return config

    def _is_same(self, api: ir.Api, before: CompiledApi) -> bool:
        is_same = before.settings == self.settings and (before.api is api or before.api == api)
        return is_same and before.is_made_with(self.texts)

    def _routes(self, api: ir.Api, slots: Mapping[str, Any], way: UpstreamRoutes) -> Iterator[dict[str, Any]]:
        takes_everything, scripts = False, scripts_id(slots)
        for route in api.routes:
            name = RouteName(api.namespace, api.name, route.label, scripts=scripts)
            for rule in route.rules or (Rule(),):
                for match in matches(api.base_path, rule):
                    takes_everything = takes_everything or match.is_everything
                    for made, target in self._to_targets(match, route.targets, way):
                        yield {**_led(name, match, target, slots), **made}
        if not takes_everything:
            (match,) = matches(api.base_path, Rule())
            name = RouteName(api.namespace, api.name, "none", scripts=scripts)
            answer = own_routes.answer(404, "No route of this API matches the request.")
            yield {**_named(name, "", "", slots), "match": match.match, **answer}

    def _policies(self, api: ir.Api, texts: Texts) -> list[tuple[ir.PolicyUse, Compiled]]:
        """In order. Raises ValueError."""
        place = f"{api.namespace}/{api.name}", api.base_path
        return [(use, self._compiled(use, texts, place, api.title)) for use in api.policies]

    def _cluster(self, upstream: ir.Upstream, outbound: Outbound) -> dict[str, Any]:
        idle = self.gateway.upstream_idle_seconds or self.proxying.upstream_idle_seconds
        return cluster(upstream, self.proxying, idle, outbound, self.gateway.thresholds)

    def _outbound(self, upstream: ir.Upstream, texts: Texts) -> list[tuple[ir.PolicyUse, Compiled]]:
        """Raises ValueError."""
        place = f"{upstream.namespace}/{upstream.service}", ""
        return [(use, self._compiled(use, texts, place)) for use in upstream.policies]

    def _compiled(self, use: ir.PolicyUse, texts: Texts, of: tuple[str, str], title: str = "") -> Compiled:
        noted_as = noted_name(use.binding) or use.policy
        observed_as = noted_as if use.observes else ""
        place = (use.binding, *of, self.state, system_ca(), self._salt)
        most = self.proxying.buffer_limit_bytes
        scope = Scope(*place, observed_as, texts, noted_as, self.shares_counts, most, title)
        try:
            return find(use.policy).compile(use.config, scope)
        except ValueError as error:
            raise ValueError(f"policy {use.policy} ({use.binding}): {error}") from error

    @cached_property
    def _salt(self) -> bytes:
        return secret_files.salt(self.state)

    def _to_targets(
        self, match: Match, targets: Sequence[ir.WeightedTarget], way: UpstreamRoutes
    ) -> Iterator[tuple[dict[str, Any], ir.WeightedTarget | None]]:
        """One route; one for each target where they differ in what Envoy cannot weigh in one: in path, say.

        With each, its target, or the first of those that do not differ.
        """
        if match.is_refused:
            yield {"match": match.match, **own_routes.answer(400, INDIVISIBLE)}, None
            return
        ways_to = {(target.destination_path, _ways(target.upstream)) for target in targets}
        if len(targets) == 1 or (len(ways_to) == 1 and not _has_failover(targets)):
            made = {"match": match.match, "route": self._action(match, targets, way)}
            yield made, targets[0]
            return
        total, so_far = sum(target.weight for target in targets), 0
        for target in targets:
            so_far += target.weight
            share = {"numerator": round(_FRACTION * so_far / total), "denominator": "MILLION"}
            fraction = {"runtime_fraction": {"default_value": share}} if so_far < total else {}
            action = self._action(match, [target], way)
            made = {"match": {**match.match, **fraction}, "route": action}
            yield made, target

    def _action(
        self, match: Match, targets: Sequence[ir.WeightedTarget], way: UpstreamRoutes
    ) -> dict[str, Any]:
        idle = self.gateway.stream_idle_seconds or self.proxying.stream_idle_seconds
        action: dict[str, Any] = {"timeout": "0s", "idle_timeout": f"{idle:g}s"}
        action |= match.path.action(targets[0].destination_path)
        http2 = any(target.upstream.is_http2 for target in targets)
        settings = targets[0].upstream.settings
        if http2 or way.seconds is not None or retries.says(settings):
            limit = self._response_seconds if way.seconds is None else way.seconds
            action["retry_policy"] = retries.policy(limit, http2=http2, settings=settings)
        if hashes := hash_policy(settings.load_balancing):
            action["hash_policy"] = hashes
        action = retries.reaching(self._over(action, way.said, settings), settings)
        if len(targets) == 1:
            return {**action, **self._to(targets[0], "cluster", way.names)}
        weighed = [{**self._to(target, "name", way.names), "weight": target.weight} for target in targets]
        return {**action, "weighted_clusters": {"clusters": weighed}}

    def _over(
        self, action: dict[str, Any], said: Mapping[str, Any], settings: UpstreamSettings
    ) -> dict[str, Any]:
        """With what policies say of it; of retries an upstream has the last word."""
        if settings.retries.most is not None:
            said = {name: value for name, value in said.items() if name != "retry_policy"}
        if not said:
            return action
        # A route that says something of its retries says all of it: the host's do not count for it then.
        usual = {"retry_policy": retries.policy(self._response_seconds)} if "retry_policy" in said else {}
        return over({**usual, **action}, said)

    def _to(self, target: ir.WeightedTarget, field: str, names: Names) -> dict[str, Any]:
        to = {field: names[target.upstream]}
        if not self.proxying.rewrites_host:
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


def _policy_filters(found: Sequence[tuple[ir.PolicyUse, Compiled]]) -> list[PolicyFilters]:
    """Without the filters that give a value to what no policy needs."""
    needed = frozenset[str]().union(
        *(one.needs for _, made in found for one in (*made.filters, *made.behind))
    )
    return [
        PolicyFilters(
            tuple(one for one in made.filters if not one.gives or one.gives in needed),
            use.conditions,
            noted_name(use.binding),
        )
        for use, made in found
    ]


def _kept(found: Sequence[tuple[ir.PolicyUse, Compiled]]) -> list[PolicyFilters]:
    return [
        PolicyFilters(made.kept, use.conditions, noted_name(use.binding)) for use, made in found if made.kept
    ]


def _sent(outbound: Sequence[tuple[ir.PolicyUse, Compiled]]) -> Outbound:
    """Raises ValueError where two of the policies say otherwise of one thing."""
    filters = [
        {"name": one.name, "typed_config": dict(one.typed_config)}
        for _, made in outbound
        for one in made.upstream_filters
    ]
    return Outbound(filters, joined((use, made.cluster) for use, made in outbound))


def noted_name(binding: str) -> str:
    """The binding's own name, as the access log may hold it; "" where it may not."""
    name = binding.rpartition("@")[0] or binding
    name = name.rpartition("/")[2]
    return name if HELD.fullmatch(name) else ""


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


def _managers(listeners: Iterable[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The connection managers of listeners, each with its port."""
    for one in listeners:
        port = one["address"]["socket_address"]["port_value"]
        yield from ((port, chain["filters"][0]["typed_config"]) for chain in one["filter_chains"])
