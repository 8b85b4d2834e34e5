"""What the front does to each request and answer on their way: compression, and bodies as a whole."""

from typing import Any

from policies.compiled import TYPE_URL

BODY_BYTES = 21 * 1024 * 1024
"""The console takes files of 20 MB, and says itself what is too large for which page."""
LEAST_COMPRESSED_BYTES = 400
BROTLI, GZIP, BODY = "brotli", "gzip", "body"
COMPRESSED = (
    *(f"text/{kind}" for kind in ("html", "plain", "css", "csv", "javascript", "markdown", "xml", "yaml")),
    *(f"application/{kind}" for kind in ("javascript", "json", "openapi", "vnd.oai.openapi", "xml", "yaml")),
    "application/x-yaml",
    "image/svg+xml",
)
_HTTP = TYPE_URL + "envoy.extensions.filters.http."
_COMPRESSION = TYPE_URL + "envoy.extensions.compression."

ROUTER: dict[str, Any] = {
    "name": "envoy.filters.http.router",
    "typed_config": {"@type": _HTTP + "router.v3.Router", "suppress_envoy_headers": True},
}


def chain() -> list[dict[str, Any]]:
    """A request is passed on when it has been read to its end: gunicorn's threads wait for nobody."""
    body = {"@type": _HTTP + "buffer.v3.Buffer", "max_request_bytes": BODY_BYTES}
    return [
        _compressor(GZIP, "gzip.compressor.v3.Gzip", compression_level="COMPRESSION_LEVEL_5"),
        _compressor(BROTLI, "brotli.compressor.v3.Brotli", quality=4),
        {"name": BODY, "typed_config": body},
        ROUTER,
    ]


def uncompressed() -> dict[str, Any]:
    """For a route."""
    disabled = {"@type": _HTTP + "compressor.v3.CompressorPerRoute", "disabled": True}
    return {BROTLI: disabled, GZIP: disabled}


def streamed() -> dict[str, Any]:
    """For a route: neither compressed nor waited for."""
    return uncompressed() | {BODY: {"@type": _HTTP + "buffer.v3.BufferPerRoute", "disabled": True}}


def _compressor(name: str, library: str, **settings: Any) -> dict[str, Any]:
    answers = {
        "common_config": {
            "min_content_length": LEAST_COMPRESSED_BYTES,
            "content_type_matcher": [{"prefix": kind} for kind in COMPRESSED],
        },
        "weaken_etag_on_compress": True,
    }
    typed = {
        "@type": _HTTP + "compressor.v3.Compressor",
        "response_direction_config": answers,
        "compressor_library": {
            "name": name,
            "typed_config": {"@type": _COMPRESSION + library, **settings},
        },
    }
    return {"name": name, "typed_config": typed}
