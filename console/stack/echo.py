"""A small upstream for people who have no API of their own yet: it answers with what it was sent."""

import argparse
from typing import Any

import orjson
import uvicorn

BODY_BYTES = 100_000


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers any method and path with JSON; `?status=503` chooses the status code."""
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
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": _status(scope["query_string"]), "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE)})


async def _body(receive: Any) -> bytes:
    """The first BODY_BYTES of it."""
    kept = b""
    while True:
        message = await receive()
        kept = (kept + message.get("body", b""))[:BODY_BYTES]
        if not message.get("more_body"):
            return kept


def _status(query: bytes) -> int:
    """The status asked for, when it is one that can carry a body."""
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if (
            name == b"status"
            and value.isdigit()
            and 200 <= int(value) <= 599
            and value not in (b"204", b"304")
        ):
            return int(value)
    return 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning", access_log=False, lifespan="off")


if __name__ == "__main__":
    main()
