"""What Envoy itself answers, as JSON with words in it; a script's own answer stays as it is."""

from typing import Any

from gateways.agent.xds import retries
from policies.compiled import ANSWER_MARK, TYPE_URL

WORDS = {
    "absolute_path_rejected": "The target of the request is not a path.",
    "cluster_not_found": "The upstream is not known yet.",
    "ext_authz_error": "Access is denied.",
    "fault_filter_abort": "A fault is injected.",
    "missing_host_header": "The request has no Host header.",
    "missing_path_rejected": "The request has no path.",
    "path_normalization_failed": "The path of the request cannot be read.",
    "reached_concurrency_limit": "The upstream bears no more requests at the same time.",
    "route_configuration_not_found": "No API is served here.",
    "route_not_found": "No API is served here.",
    "stream_idle_timeout": "Nothing has flowed for too long.",
    "upgrade_failed": "The only upgrade that is taken is websocket.",
    "websocket_handshake_unsuccessful": "The upstream did not accept the upgrade.",
}
"""By the details of those answers that Envoy gives without a body, or with words that name its filters."""
_NAMESPACE, _KEY = "gatewright.answers", "mark"
_MARKED = {
    "header": {"key": ANSWER_MARK, "value": f"%METADATA(ROUTE:{_NAMESPACE}:{_KEY})%"},
    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
}
"""Nothing where the route says nothing: an empty value is not sent."""
_ONE_SERVER = {
    "header": {"key": "server", "value": "gatewright"},
    "append_action": "OVERWRITE_IF_EXISTS",
}
"""Envoy puts the upstream's own beside ours where it takes an upgrade's answer apart."""
_OWN_ID = {
    "header": {"key": "x-request-id", "value": "%REQ(X-REQUEST-ID)%"},
    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
}
"""By which a refusal is found in the log, whatever id a server that was asked has given."""
_IS_WHOLE = "(response.code == 200 && response.code_details == 'direct_response')"
"""The answer to a CA's challenge, which reads it to the letter: all others of routes are refusals."""
_DENIED, _DENIED_WORDS = "rbac_access_denied", "Access is denied."
"""Envoy's own words name the filter."""
_IS_NO_STATUS = (
    "response.code_details == 'ext_authz_invalid' || (response.code_details == 'ext_authz_denied'"
    " && (response.code < 200 || response.code > 599 || response.code in [204, 205, 304]))"
)
"""A server that was asked refuses with what no refusal can be: an announcement, or what has no body."""
_HAS_NO_BODY = "response.code in [204, 205, 304]"
"""What stood behind such a head would be the beginning of the next answer."""
_TOO_LATE = "The upstream did not begin to answer in time."
_UNREACHED = {
    "upstream_reset_before_response_started{overflow": "The upstream has as much to do as it may have.",
    "upstream_reset_before_response_started{protocol_error": (
        "The upstream's answer cannot be read: it has too many headers or too large ones,"
        " or is not of the HTTP that was expected."
    ),
    "upstream_reset_before_response_started": "The upstream cannot be reached, or gave no answer.",
    "no_healthy_upstream": "The upstream is not well.",
}
"""By how the details begin; Envoy's own words tell of connections. The longer beginnings come first. Of an
answer that cannot be read Envoy says no more than that.
"""


def as_json() -> dict[str, Any]:
    """A `local_reply_config`. The first mapper that fits has the word: the most frequent ones come first."""
    listed = ", ".join(f"'{details}'" for details in WORDS)
    is_late = f"response.code_details in ['{retries.TOO_LATE}', '{retries.REFUSED}']"
    mappers = [
        {"filter": _where(f"response.code_details == 'lua_response' || {_IS_WHOLE}")},
        {**_mapper(is_late, _TOO_LATE), "status_code": 504},
        {**_mapper(_IS_NO_STATUS, _DENIED_WORDS), "status_code": 403},
        {
            "filter": _where(_HAS_NO_BODY),
            "body_format_override": {"text_format_source": {"inline_string": ""}},
        },
        _mapper(f"response.code_details.startsWith('{_DENIED}')", _DENIED_WORDS),
        *(
            _mapper(f"response.code_details.startsWith('{begin}')", text)
            for begin, text in _UNREACHED.items()
        ),
        _mapper(f"!(response.code_details in [{listed}])", "%LOCAL_REPLY_BODY%"),
        *(_mapper(f"response.code_details == '{details}'", text) for details, text in WORDS.items()),
    ]
    return {"mappers": [{**mapper, "headers_to_add": [_MARKED, _ONE_SERVER, _OWN_ID]} for mapper in mappers]}


def marked(mark: str) -> dict[str, Any]:
    """Of a route: its answers that are the gateway's own carry this, for the API's scripts."""
    return {"metadata": {"filter_metadata": {_NAMESPACE: {_KEY: mark}}}} if mark else {}


def _mapper(expression: str, text: str) -> dict[str, Any]:
    body = {"json_format": {"error": text}, "content_type": "application/json"}
    return {"filter": _where(expression), "body_format_override": body}


def _where(expression: str) -> dict[str, Any]:
    typed = {
        "@type": TYPE_URL + "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        "expression": expression,
    }
    return {"extension_filter": {"name": "envoy.access_loggers.extension_filters.cel", "typed_config": typed}}
