"""When a request is sent to its upstream again, and how long an answer may take to begin.

An upstream may close a connection just as a request is written to it: what is lost with it is sent
again, over another one, if its method does the same twice as once (RFC 9110, 9.2.2). HTTP/2 upstreams tell
which requests they did not take before they close: those are sent again whatever their method, gRPC's too.
(To allow every request what each may have, by its method, is a filter more: measured, it costs a tenth.)

An answer must begin in time; what flows then may flow. That is Envoy's time limit of one try, which counts
from the end of the request and ends with the first byte of the answer. Envoy takes a try that was too slow
for a lost one and would make a second; it marks that one with a header (MARK), and before it is sent
anywhere a filter of the cluster refuses it, which `replies` turns into 504. That filter, RBAC, notes its
verdict for every request: a matcher of the virtual host asks for the mark first, so that it is made only to
refuse. That costs a request half. (A matcher of the filter itself would be left unasked among a cluster's.)
"""

from typing import Any

from gateways.protocol.upstream_settings import UpstreamRetries, UpstreamSettings
from policies.compiled import TYPE_URL
from policies.envoy.retrying import retry_policy

MOST_RETRIES = 2
"""An upstream that closes its idle connections closes many at once: one retry met the next stale one in
16 of 1,000 requests, two in none."""

MOST_BODY_BYTES = 64 * 1024
"""Kept of a request until its answer begins; one with a larger body streams through and is not repeated."""

MARK = "x-envoy-is-timeout-retry"
TOO_LATE = "upstream_per_try_timeout"
"""What Envoy calls an answer that did not begin in time, where no second try is due."""

REFUSED = f"rbac_access_denied_matched_policy[{TOO_LATE}]"
"""The response code details of a second try that a time limit would have led to."""

_TOO_LATE_FILTER = "gatewright.too-late"
_HTTP = TYPE_URL + "envoy.extensions.filters.http."
_COMPOSITE = _HTTP + "composite.v3."
_NEVER_SENT = "connect-failure,refused-stream,reset-before-request"
_IDEMPOTENT = [
    {"name": ":method", "string_match": {"exact": method}}
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE")
]
_PREVIOUS = TYPE_URL + "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
_ANOTHER_HOST: dict[str, Any] = {
    "retry_host_predicate": [
        {"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {"@type": _PREVIOUS}}
    ],
    "host_selection_retry_max_attempts": 5,
}
_PREVIOUS_RANKS = TYPE_URL + "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig"
_LOST = {"retry_on": f"reset,{_NEVER_SENT}", "retriable_request_headers": _IDEMPOTENT}
_NOTHING_SENT = {"retry_on": _NEVER_SENT}


def policy(
    response_seconds: float, *, http2: bool = False, settings: UpstreamSettings | None = None
) -> dict[str, Any]:
    """Envoy's RetryPolicy of a route to an HTTP/1 upstream, or to one of HTTP/2; 0 seconds set no limit.

    What the upstream's settings say comes first.
    """
    usual: dict[str, Any] = {
        **(_NOTHING_SENT if http2 else _LOST),
        "num_retries": MOST_RETRIES,
        "retry_back_off": {"base_interval": "0.001s"},
    }
    own = _of_settings(settings) if settings else {}
    if settings and (limit := settings.timeouts.response_in_milliseconds) is not None:
        response_seconds = limit / 1000
    limited = {"per_try_timeout": f"{response_seconds:g}s"} if response_seconds else {}
    return {**(usual if "retry_on" not in own else {}), **own, **limited}


def says(settings: UpstreamSettings) -> bool:
    """Whether an upstream's settings say something of it."""
    return ways(settings) != (None, None, False, None)


def ways(settings: UpstreamSettings) -> tuple[int | None, UpstreamRetries | None, bool, str | None]:
    """All that they say: the time limit in ms, retries, whether there are several hosts to try, and who
    takes over.
    """
    own = settings.retries if settings.retries.most is not None else None
    limit = settings.timeouts.response_in_milliseconds
    return limit, own, len(settings.hosts) > 1, settings.failover.address


def _of_settings(settings: UpstreamSettings) -> dict[str, Any]:
    _, own, has_several, _ = ways(settings)
    asked = own and retry_policy(
        own.most or 0,
        own.status_codes,
        own.methods,
        own.first_pause_in_milliseconds,
        own.longest_pause_in_milliseconds,
    )
    return {**(asked or {}), **(_ANOTHER_HOST if has_several else {})}


def reaching(action: dict[str, Any], settings: UpstreamSettings) -> dict[str, Any]:
    """A route's action, whose retries come to the one who takes over: after two hosts of a rank, where it
    has several and as many retries are allowed; else after one.
    """
    if settings.failover.address is None:
        return action
    served = [one for one in settings.hosts if one.weight]
    further = 2 if any(one.backup for one in served) else 1
    has_several = sum(not one.backup for one in served) > 1
    asked = action["retry_policy"]
    tries = 2 if has_several and asked["num_retries"] >= 2 * further else 1
    ranks = {
        "name": "envoy.retry_priorities.previous_priorities",
        "typed_config": {"@type": _PREVIOUS_RANKS, "update_frequency": tries},
    }
    return {**action, "retry_policy": {**asked, "retry_priority": ranks}}


def upstream_filters() -> list[dict[str, Any]]:
    """The HTTP filters of a cluster: no try that comes of a time limit is sent, where routes are of a host
    that OF_VIRTUAL_HOST is said of.
    """
    codec = {"@type": _HTTP + "upstream_codec.v3.UpstreamCodec"}
    return [
        {"name": _TOO_LATE_FILTER, "typed_config": {"@type": _COMPOSITE + "Composite"}},
        {"name": "envoy.filters.http.upstream_codec", "typed_config": codec},
    ]


def _refusing() -> dict[str, Any]:
    """What the filter does with a try that is marked: with others nothing."""
    refusal = {
        "@type": _HTTP + "rbac.v3.RBAC",
        "rules": {
            "action": "DENY",
            "policies": {TOO_LATE: {"permissions": [{"any": True}], "principals": [{"any": True}]}},
        },
    }
    run = {
        "@type": _COMPOSITE + "ExecuteFilterAction",
        "filter_chain": {"typed_config": [{"name": "refusal", "typed_config": refusal}]},
    }
    mark = {
        "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
        "header_name": MARK,
    }
    is_marked = {
        "single_predicate": {
            "input": {"name": MARK, "typed_config": mark},
            "value_match": {"exact": "true"},
        }
    }
    matchers = [{"predicate": is_marked, "on_match": {"action": {"name": "refuse", "typed_config": run}}}]
    return {"@type": _COMPOSITE + "CompositePerRoute", "matcher": {"matcher_list": {"matchers": matchers}}}


OF_VIRTUAL_HOST: dict[str, Any] = {
    "include_is_timeout_retry_header": True,
    "request_body_buffer_limit": MOST_BODY_BYTES,
    "typed_per_filter_config": {_TOO_LATE_FILTER: _refusing()},
}
