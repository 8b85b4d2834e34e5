"""Routes that are of no API: what is refused before any, what is answered for a CA, and what is left."""

from collections.abc import Iterator
from typing import Any

from gateways.protocol.spelling import REFUSAL, Slashes, refused


def refused_paths(slashes: Slashes) -> dict[str, Any]:
    """Before all others, and of no API: whose path it is cannot be told."""
    return {"match": {"safe_regex": {"regex": refused(slashes)}}, **answer(400, REFUSAL)}


def refused_hosts() -> Iterator[dict[str, Any]]:
    """Envoy joins two Host headers with a comma. Of two hosts, or of one behind a user's name, no rule over
    hosts would hold, where others than the gateway may take the one that it names; nor of one that is
    percent-encoded, which URL parsers decode.
    """
    for mark in ",@%":
        named = {"name": ":authority", "string_match": {"contains": mark}}
        yield {
            "match": {"prefix": "/", "headers": [named]},
            **answer(400, "The request has to name one host."),
        }


def challenge(token: str, text: str) -> dict[str, Any]:
    """What a CA asks for before it signs, at any plain port: it is of no API, and no policy is in its way."""
    return {"match": {"path": f"/.well-known/acme-challenge/{token}"}, **answer(200, text)}


def nothing_here() -> dict[str, Any]:
    return {"match": {"prefix": "/"}, **answer(404, "No API is served here.")}


def answer(status: int, text: str) -> dict[str, Any]:
    return {"direct_response": {"status": status, "body": {"inline_string": text}}}
