"""A small upstream for people who have no API of their own yet: it answers with what it was sent."""

import argparse
import asyncio
from typing import Any

import orjson
import uvicorn

BODY_BYTES = 100_000
LONGEST_DELAY_MS = 10_000


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers any method and path with JSON; `?status=503` and `?delay_ms=200` choose how."""
    if scope["type"] != "http":
        return
    body = await _body(receive)
    answer = {
        "method": scope["method"],
        "path": scope["path"],
        "query": scope["query_string"].decode("latin-1"),
        "headers": {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        "body": body.decode(errors="replace"),
    }
    await asyncio.sleep(min(_number(scope["query_string"], b"delay_ms"), LONGEST_DELAY_MS) / 1000)
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": _status(scope["query_string"]), "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE)})


async def _body(receive: Any) -> bytes:
    """The first BODY_BYTES of it."""
    kept: bytes = b""
    while True:
        message = await receive()
        kept = (kept + message.get("body", b""))[:BODY_BYTES]
        if not message.get("more_body"):
            return kept


def _status(query: bytes) -> int:
    """The status asked for, when it is one that can carry a body."""
    asked = _number(query, b"status")
    return asked if 200 <= asked <= 599 and asked not in (204, 304) else 200


def _number(query: bytes, wanted: bytes) -> int:
    """The query parameter's value; 0 when it is missing or no number."""
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name == wanted and value.isdigit() and len(value) < 9:
            return int(value)
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning", access_log=False, lifespan="off")


if __name__ == "__main__":
    main()
