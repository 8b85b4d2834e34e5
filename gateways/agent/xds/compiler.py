"""From the IR to the files that Envoy reads.

A route carries its API's whole policy chain, so both change at once (see `filter_chain`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any

from gateways.agent.host import secret_files
from gateways.agent.host.trusted_cas import system_ca
from gateways.agent.settings import Proxying
from gateways.agent.translate import ir
from gateways.agent.xds import kept, own_routes, ranks, retries
from gateways.agent.xds.access_log import HELD
from gateways.agent.xds.api_routes import ApiRoutes
from gateways.agent.xds.bootstrap import RUNTIME
from gateways.agent.xds.cluster import Outbound, cluster, cluster_name
from gateways.agent.xds.compiled_api import CompiledApi
from gateways.agent.xds.filter_chain import filled, filled_behind, frames, passed
from gateways.agent.xds.listener import folder, listener, probe_listener, route_config_name
from gateways.agent.xds.policy_filters import PolicyFilters
from gateways.agent.xds.replies import marked
from gateways.agent.xds.saying import joined
from gateways.protocol.shared_storage import SharedStorage
from gateways.protocol.spelling import Slashes
from policies.catalog import find
from policies.compiled import Compiled, Scope
from policies.documents.document import Document, RememberedTexts, Texts

RoutesOf = Callable[[CompiledApi], Iterable[Any]]
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
        keeping, slot = _kept(found), kept.name(api.listener.port)
        lasting = kept.kept(*own, keeping, folder(self.state))
        slots = {**filled(api.base_path, policies, shared), **filled_behind(behind)}
        slots |= passed(slot, lasting.note) if lasting else kept.on_route(slot, api.base_path, keeping)
        said = joined(((use, one.route_action) for use, one in found), adds_lists=True)
        seconds = min((it.response_seconds for _, it in found if it.response_seconds), default=None)
        sent = {one: _sent(several) for one, several in outbound.items()}
        names = {one: cluster_name(one, it) for one, it in sent.items()}
        clusters = {names[one]: self._cluster(one, it) for one, it in sent.items()}
        usual = self._response_seconds, self._stream_idle_seconds, self.proxying.rewrites_host
        routes = ApiRoutes(api, slots, said, names, seconds, *usual)
        mark = marked(next((one.answer_mark for one in made if one.answer_mark), ""))
        asked = {it.name: {**it.config, "name": it.name} for one in made for it in one.clusters}
        return CompiledApi(
            api,
            self.settings,
            tuple({**route, **mark} for route in routes.compiled()),
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
        return self._storage is not None

    @property
    def _shares(self) -> tuple[bool, bool]:
        """Counts, and answers."""
        return self.shares_counts, self.shares_counts and bool(self._storage and self._storage.sealing_key)

    @property
    def _storage(self) -> SharedStorage | None:
        return self.gateway.shared_storage or self.proxying.shared_storage

    @property
    def _response_seconds(self) -> float:
        return self.gateway.upstream_response_seconds or self.proxying.upstream_response_seconds

    @property
    def _stream_idle_seconds(self) -> float:
        return self.gateway.stream_idle_seconds or self.proxying.stream_idle_seconds

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
        scope = Scope(*place, observed_as, texts, noted_as, *self._shares, most, title)
        try:
            return find(use.policy).compile(use.config, scope)
        except ValueError as error:
            raise ValueError(f"policy {use.policy} ({use.binding}): {error}") from error

    @cached_property
    def _salt(self) -> bytes:
        return secret_files.salt(self.state)


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


def _managers(listeners: Iterable[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The connection managers of listeners, each with its port."""
    for one in listeners:
        port = one["address"]["socket_address"]["port_value"]
        yield from ((port, chain["filters"][0]["typed_config"]) for chain in one["filter_chains"])
