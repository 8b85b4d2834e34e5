"""What Envoy writes for each request: one JSON object a line.

The path is logged as the client sent it and without its query, which may hold secrets. Envoy forgets
the client's path when a route rewrites it, so PATH_FILTER notes it before any policy runs; every
listener has that filter first.
"""

from typing import Any

LOG_FORMAT: dict[str, str] = {
    "t": "%START_TIME(%s.%6f)%",
    "r": "%ROUTE_NAME%",
    "m": "%REQ(:METHOD):16%",
    "p": "%FILTER_STATE(gatewright.path:PLAIN)%",
    "s": "%RESPONSE_CODE%",
    "e": "%RESPONSE_CODE_DETAILS%",
    "y": "%DYNAMIC_METADATA(gatewright:policy)%",
    "x": "%DYNAMIC_METADATA(gatewright:application)%",
    "f": "%RESPONSE_FLAGS%",
    "h": "%PROTOCOL%",
    "d": "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
    "u": "%COMMON_DURATION(US_TX_BEG:US_RX_BEG:us)%",
    "i": "%BYTES_RECEIVED%",
    "o": "%BYTES_SENT%",
    "c": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "g": "%REQ(USER-AGENT):120%",
}
"""Keys of one letter: at 25 000 requests a second their length is megabytes."""

PATH_FILTER: dict[str, Any] = {
    "name": "gatewright.path",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
        "on_request_headers": [
            {
                "object_key": "gatewright.path",
                "factory_key": "envoy.string",
                "format_string": {"text_format_source": {"inline_string": "%PATH(NQ:PATH):400%"}},
            }
        ],
    },
}
"""The HTTP filter that notes the client's path; xds puts it first into each listener's http_filters."""
