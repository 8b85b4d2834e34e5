"""External Authorization: a server of yours decides about each request."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from policies.catalog.native_ext_authz.config import MOST_BYTES, Config
from policies.catalog.native_ext_authz.remembering import remembering
from policies.compiled import TYPE_URL, Cluster, Compiled, Filter, Scope, Script
from policies.envoy.cluster import cluster
from policies.envoy.unsaid import unsaid
from policies.fields import urls
from policies.fields.headers import CONNECTION
from policies.policy import Category, Phase, Policy
from policies.scripting.script import script
from policies.traits import Refusal

NAME = "native-ext-authz"
_OBSERVED = Path(__file__).with_name("observed.lua")
ALWAYS_SEEN = ("authorization", "content-length", "host")
_EXT_AUTHZ = TYPE_URL + "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz"
_WRITTEN = {
    "allow_all_routing": True,
    # A second word on where a message ends would let the rest of a body be a request of its own.
    "disallow_expression": {"regex": "|".join(sorted(CONNECTION))},
}
"""What the server may write into requests; orders to Envoy (x-envoy-…) it may not unless that is said."""


def compile(config: Config, scope: Scope) -> Compiled:
    if config.remembered_seconds:
        return remembering(config, scope, NAME, _unsaid(config, scope))
    server = cluster(scope, config.url, http2=config.server_type == "grpc")
    typed: dict[str, Any] = {
        "@type": _EXT_AUTHZ,
        "transport_api_version": "V3",
        "include_peer_certificate": config.include_peer_certificate,
        # What the server writes into requests is looked at as what callers write is.
        "validate_mutations": True,
        # Nobody is refused where the policy only observes: what may not be written is left out then.
        "decoder_header_mutation_rules": {**_WRITTEN, "disallow_is_error": not scope.observed_as},
        "max_denied_response_body_bytes": MOST_BYTES,
        **(_grpc(config, server) if config.server_type == "grpc" else _http(config, server)),
    }
    if config.allowed_headers:
        typed["allowed_headers"] = _named(config.allowed_headers)
    filters: tuple[Filter | Script, ...] = (*_unsaid(config, scope), Filter(scope.binding, typed))
    if scope.observed_as:
        typed |= {"shadow_mode": True, "emit_filter_state_stats": True}
        filters = (*filters, _observed(config, scope))
    return Compiled(filters, clusters=(server,))


def _unsaid(config: Config, scope: Scope) -> Iterator[Filter]:
    """Takes off what callers write where the server's word stands: an allowing answer may leave a header out.
    What the server sees is for it to replace.
    """
    seen = {*ALWAYS_SEEN, *(name.lower() for name in config.allowed_headers)}
    names = {name.lower() for name in config.service_response_upstream_headers} - seen
    if config.server_type == "http" and names:
        yield unsaid(scope, sorted(names))


def _observed(config: Config, scope: Scope) -> Script:
    replaced = config.service_response_upstream_headers if config.server_type == "http" else ()
    headers = [name.lower() for name in replaced]
    settings = {"asked": scope.binding, "decision": f"{scope.binding}.shadow", "headers": headers}
    return script(scope, NAME, [_OBSERVED], settings)


def _grpc(config: Config, server: Cluster) -> dict[str, Any]:
    return {
        "grpc_service": {
            "envoy_grpc": {"cluster_name": server.name, "authority": urls.split(config.url).netloc},
            "timeout": _seconds(config),
        }
    }


def _http(config: Config, server: Cluster) -> dict[str, Any]:
    at = urls.split(config.url)
    added = [one.model_dump(by_alias=True) for one in config.service_request_headers_to_add]
    answered = {
        "allowed_upstream_headers": config.service_response_upstream_headers,
        "allowed_upstream_headers_to_append": config.service_response_upstream_headers_to_append,
        "allowed_client_headers": config.service_response_client_headers,
        "allowed_client_headers_on_success": config.service_response_client_headers_on_success,
    }
    return {
        "http_service": {
            "server_uri": {"uri": config.url, "cluster": server.name, "timeout": _seconds(config)},
            "path_prefix": (at.path.rstrip("/") + config.path_prefix).rstrip("/"),
            "authorization_request": {"headers_to_add": added},
            "authorization_response": {field: _named(names) for field, names in answered.items() if names},
        }
    }


def _seconds(config: Config) -> str:
    return f"{config.request_timeout / 1000:g}s"


def _named(names: Iterable[str]) -> dict[str, Any]:
    return {"patterns": [{"exact": name.lower(), "ignore_case": True} for name in names]}


POLICY = Policy(
    name=NAME,
    title="External Authorization",
    category=Category.SECURITY,
    phase=Phase.AUTHORIZE,
    summary="Asks a server of yours, over gRPC or HTTP, whether a request may pass.",
    version="1.2.1",
    config=Config,
    compile=compile,
    knows_callers_by="credential",
    aliases=("native-ext-authz-flex",),
    refusals=(
        Refusal(r"^ext_authz_denied$", "decision: the server refused the request with {status}"),
        Refusal(r"^ext_authz_invalid$", "server: it writes what cannot stand in a request or an answer"),
        Refusal(r"^ext_authz_error$", "server: no answer that can be read came within {time}"),
    ),
    refuses=True,
    icon="shield-check",
    acts_on_responses=lambda config: bool(
        config.service_response_client_headers_on_success
        if config.server_type == "http"
        else config.remembered_seconds
    ),
)
