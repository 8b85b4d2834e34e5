"""What the front answers by itself, when the console cannot: a page for browsers, JSON for programs."""

import html
from typing import Any

RETRY_SECONDS = 3
TOLD = {
    400: "The request is not understood: %LOCAL_REPLY_BODY%",
    408: "The request took too long to arrive. Send it again.",
    413: "The request is larger than the console takes.",
    431: "The request's headers are larger than the console takes.",
    503: "The console is starting, or has more to do than it can. Try again in a few seconds.",
    504: "The console took too long to answer. What was asked may have been done: look before asking again.",
}
OTHERWISE = "The request was refused: %LOCAL_REPLY_BODY%"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>%RESPONSE_CODE% · Gatewright</title>
</head>
<body>
<h1>{title}</h1>
<p>{text}</p>
<p><a href="/">Go to the overview</a></p>
</body>
</html>
"""


def local() -> dict[str, Any]:
    mappers = []
    for status, text in TOLD.items():
        code = {"status_code_filter": {"comparison": _equals(status)}}
        more = _retry() if status == 503 else {}
        mappers += [
            {"filter": {"and_filter": {"filters": [code, _from_browser()]}}, **_page(text), **more},
            {"filter": code, **_document(text), **more},
        ]
    mappers.append({"filter": _from_browser(), **_page(OTHERWISE)})
    return {"mappers": mappers, **_format(_document(OTHERWISE))}


def _format(mapper: dict[str, Any]) -> dict[str, Any]:
    return {"body_format": mapper["body_format_override"]}


def _page(text: str) -> dict[str, Any]:
    page = PAGE.format(title="That did not work.", text=html.escape(text))
    return {
        "body_format_override": {
            "text_format_source": {"inline_string": page},
            "content_type": "text/html; charset=utf-8",
        }
    }


def _document(text: str) -> dict[str, Any]:
    return {
        "body_format_override": {
            "json_format": {
                "name": "FrontError",
                "message": text,
                "errors": [{"type": "front", "message": text}],
            },
            "content_type": "application/json",
        }
    }


def _retry() -> dict[str, Any]:
    header = {"key": "Retry-After", "value": str(RETRY_SECONDS)}
    return {"headers_to_add": [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]}


def _equals(status: int) -> dict[str, Any]:
    return {"op": "EQ", "value": {"default_value": status, "runtime_key": f"front.status.{status}"}}


def _from_browser() -> dict[str, Any]:
    return {"header_filter": {"header": {"name": "accept", "string_match": {"contains": "text/html"}}}}
