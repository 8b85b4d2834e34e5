"""Who the caller of a request is, and what upstreams are told of it.

`X-Forwarded-For`, `-Proto`, `-Host` and `-Port` and the PROXY protocol are taken from trusted proxies
alone, and from nobody where none is named. Whatever came, each policy, the access log and the upstream
see one caller: its address stands alone in `X-Forwarded-For`. `Forwarded` is nobody's to send, nor is a
spelling of what tells of a caller with other signs than hyphens: to CGI and WSGI x_forwarded_for is
x-forwarded-for, to PHP x.forwarded.for is, to lighttpd's CGI any sign is a hyphen.
"""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from gateways.agent.settings import Proxying
from gateways.agent.translate import ir
from policies.compiled import TYPE_URL

_HTTP = TYPE_URL + "envoy.extensions."
_ADDRESS = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
_HOST = "%REQ(:AUTHORITY)%"
_NO_FORWARDED: dict[str, Any] = {"remove_on_match": {"key_matcher": {"exact": "forwarded"}}}
"""By a look at each header. To remove it by name makes Envoy index them all: six times as much."""
_OTHER_SPELLINGS = (
    r"[^a-z0-9-](?:forwarded|envoy)[^a-z0-9].*|-(?:forwarded|envoy)(?:-[a-z0-9-]*)?[^a-z0-9-].*"
    r"|[^a-z0-9-]real[^a-z0-9]ip|-real[^a-z0-9-]ip"
    r"|[^a-z0-9_-]consumer[^a-z0-9]name|[_-]consumer[^a-z0-9_-]name"
)
"""Of headers that tell of callers, with a sign that is none. Policies that write X-Consumer-Name take off
x_consumer_name themselves; the other signs in it are taken off here, where it costs nothing. What begins with
another letter than the `x` behind `^` is known without a look at the rest: 300 instructions for each header.
Matchers by prefix, which are eight, take three times as much; one expression that has `forwarded` too takes
twice as much, and one that has `^` twice.
"""


def chains(
    trusted: ir.TrustedProxies, proxying: Proxying, manager: dict[str, Any], uses_proxy_protocol: bool
) -> list[dict[str, Any]]:
    """The filter chains of a listener, each with its match, for the manager that all of them are made of.

    Connections that speak the PROXY protocol and are no trusted proxy's find no chain: they are closed.
    """
    networks = [_range(network) for network in trusted.networks]
    of_trusted, of_others = _for_trusted(trusted, proxying, manager), _for_others(proxying, manager)
    speakers = {"direct_source_prefix_ranges": networks} if uses_proxy_protocol and networks else {}
    if not networks:
        return [chain({}, of_trusted if trusted.hops else of_others)]
    return [
        chain({**speakers, "source_prefix_ranges": networks}, of_trusted),
        chain(speakers, of_others),
    ]


def proxy_protocol() -> dict[str, Any]:
    """The listener filter. A connection without the protocol's header is closed."""
    typed = {"@type": _HTTP + "filters.listener.proxy_protocol.v3.ProxyProtocol"}
    return {"name": "envoy.filters.listener.proxy_protocol", "typed_config": typed}


def _for_others(proxying: Proxying, manager: dict[str, Any]) -> dict[str, Any]:
    """For everybody else: what the connection shows is what is told."""
    mutations: list[dict[str, Any]] = [
        _NO_FORWARDED,
        _without(f"^x(?:{_OTHER_SPELLINGS}|-forwarded-port)"),
        _put("x-forwarded-for", _ADDRESS),
        _put("x-forwarded-host", _HOST) if proxying.rewrites_host else {"remove": "x-forwarded-host"},
    ]
    return {
        **manager,
        "use_remote_address": True,
        "skip_xff_append": True,
        "early_header_mutation_extensions": [_early(mutations)],
    }


def _for_trusted(trusted: ir.TrustedProxies, proxying: Proxying, manager: dict[str, Any]) -> dict[str, Any]:
    """For trusted proxies: the caller is the last in X-Forwarded-For who is none, or the one so many
    places from the end; where that is no address, the proxy itself.
    """
    # Envoy drops these by itself only where it never asks a proxy for the caller.
    mutations: list[dict[str, Any]] = [
        _NO_FORWARDED,
        _without(f"^x(?:{_OTHER_SPELLINGS})"),
        {"remove_on_match": {"key_matcher": {"prefix": "x-envoy-"}}},
    ]
    if proxying.rewrites_host:
        mutations.append(_put("x-forwarded-host", _HOST, "ADD_IF_ABSENT"))
    asked: dict[str, Any]
    if trusted.hops:
        asked = {"use_remote_address": True, "xff_num_trusted_hops": trusted.hops}
    else:
        detection = {
            "@type": _HTTP + "http.original_ip_detection.xff.v3.XffConfig",
            "xff_trusted_cidrs": {"cidrs": [_range(network) for network in trusted.networks]},
            "skip_xff_append": True,
        }
        named = {"name": "envoy.http.original_ip_detection.xff", "typed_config": detection}
        asked = {"use_remote_address": False, "original_ip_detection_extensions": [named]}
    told = {
        "@type": _HTTP + "filters.http.header_mutation.v3.HeaderMutation",
        "mutations": {"request_mutations": [_put("x-forwarded-for", _ADDRESS)]},
    }
    return {
        **manager,
        **asked,
        "skip_xff_append": True,
        "early_header_mutation_extensions": [_early(mutations)],
        "http_filters": [{"name": "caller", "typed_config": told}, *manager["http_filters"]],
    }


def _early(mutations: Sequence[dict[str, Any]]) -> dict[str, Any]:
    kind = _HTTP + "http.early_header_mutation.header_mutation.v3.HeaderMutation"
    return {"name": "callers", "typed_config": {"@type": kind, "mutations": list(mutations)}}


def _without(expression: str) -> dict[str, Any]:
    return {"remove_on_match": {"key_matcher": {"safe_regex": {"regex": expression}}}}


def _put(name: str, value: str, action: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> dict[str, Any]:
    return {"append": {"header": {"key": name, "value": value}, "append_action": action}}


def _range(network: str) -> dict[str, Any]:
    known = ip_network(network)
    return {"address_prefix": str(known.network_address), "prefix_len": known.prefixlen}


def chain(match: dict[str, Any], manager: dict[str, Any]) -> dict[str, Any]:
    network = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    return {**({"filter_chain_match": match} if match else {}), "filters": [network]}
