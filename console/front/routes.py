"""Which requests the front passes to whom, and how long it waits."""

from typing import Any

from console.front import filters
from console.front.servers import CONSOLE, LINK
from console.front.settings import Front

ANSWER_SECONDS = 60
LONGEST_SECONDS = 900
"""For an answer that is read slowly, a byte now and then."""
STREAM_PATH = "/agent/v1/stream"
ONE_HOST = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?"
OTHER_SITES = "cross-site|same-site"
UNTRUE = ("x-forwarded-protocol", "x-forwarded-ssl", "x-forwarded-host", "x-forwarded-port", "forwarded")
"""Headers of callers that nobody vouches for; gunicorn takes the first two for the scheme."""
_BAD_HOST = "The request has to name one host."


def to_console(front: Front) -> dict[str, Any]:
    named = {"prefix": "/", "headers": [_header(":authority", ONE_HOST, invert_match=True)]}
    refused = {"match": named, "direct_response": {"status": 400, "body": {"inline_string": _BAD_HOST}}}
    streams = [_streams()] if front.links else []
    return {
        "virtual_hosts": [
            {"name": "console", "domains": ["*"], "routes": [refused, *streams, *_pages()]},
        ],
        "request_headers_to_remove": list(UNTRUE),
    }


def to_https(port: int) -> dict[str, Any]:
    """The same address with https://, on this port."""
    redirect = {"https_redirect": True, "port_redirect": port, "response_code": "PERMANENT_REDIRECT"}
    return {
        "virtual_hosts": [
            {
                "name": "redirect",
                "domains": ["*"],
                "routes": [{"match": {"prefix": "/"}, "redirect": redirect}],
            }
        ]
    }


def _streams() -> dict[str, Any]:
    """Agents wait here for as long as they like, with room of their own."""
    endless = {"timeout": "0s", "idle_timeout": "0s"}
    return {
        "match": {"path": STREAM_PATH},
        "route": {"cluster": LINK, **endless},
        "typed_per_filter_config": filters.streamed(),
    }


def _pages() -> list[dict[str, Any]]:
    """Probes do not queue with others. What another site began is not compressed, since whoever can make a
    browser ask for a page and see how long the answer is could guess at the secrets in it, bit by bit.
    """
    other_site = {"prefix": "/", "headers": [_header("sec-fetch-site", OTHER_SITES)]}
    return [
        {"match": {"path": "/healthz"}, "route": _console(priority="HIGH")},
        {"match": other_site, "route": _console(), "typed_per_filter_config": filters.uncompressed()},
        {"match": {"prefix": "/"}, "route": _console()},
    ]


def _console(**more: Any) -> dict[str, Any]:
    """What never reached gunicorn is sent again, for as long as a restart takes."""
    return {
        "cluster": CONSOLE,
        "timeout": f"{ANSWER_SECONDS}s",
        "max_stream_duration": {"max_stream_duration": f"{LONGEST_SECONDS}s"},
        "retry_policy": {
            "retry_on": "connect-failure,reset-before-request",
            "num_retries": 8,
            "retry_back_off": {"base_interval": "0.05s", "max_interval": "2s"},
        },
        **more,
    }


def _header(name: str, regex: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "string_match": {"safe_regex": {"regex": regex}}, **more}
