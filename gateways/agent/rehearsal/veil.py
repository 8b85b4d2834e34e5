"""Hides in verdicts what policies are configured to keep secret, and may send to upstreams."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

from pydantic import BaseModel, SecretStr

from gateways.agent.envoy.redact import MASK
from gateways.agent.translate import ir
from gateways.protocol.rehearsal import Request, SeenMessage, Verdict

_SHORTEST = 4
"""What is shorter is part of ordinary words."""
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
S = TypeVar("S", bound=SeenMessage)


class Veil:
    """Hides the secrets of these APIs' policies."""

    def __init__(self, apis: Iterable[ir.Api]) -> None:
        found = {text for api in apis for use in _uses(api) for text in _secrets(use.config)}
        written = {way for one in found if len(one) >= _SHORTEST for way in _spelled(one)}
        self._secrets = sorted(written, key=len, reverse=True)

    def over(self, verdict: Verdict, request: Request) -> Verdict:
        """The verdict with secrets hidden, except what the request itself brought."""
        if not self._secrets:
            return verdict
        given = {value for _, value in request.headers}
        brought = "\n".join((request.target, request.content.decode(errors="replace"), *given))
        hidden = [one for one in self._secrets if one not in brought]
        return verdict.model_copy(
            update={
                "sent": verdict.sent and _veiled(verdict.sent, hidden, given),
                "asked": tuple(_veiled(one, hidden, given) for one in verdict.asked),
                "answer": verdict.answer and _veiled(verdict.answer, hidden, given),
                "said": tuple(_masked(line, hidden) for line in verdict.said),
            }
        )


def _uses(api: ir.Api) -> Iterator[ir.PolicyUse]:
    """The policies of the API and, outbound, of its upstreams."""
    yield from api.policies
    for upstream in api.upstreams:
        yield from upstream.policies


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _secrets(one)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _secrets(one)


def _spelled(secret: str) -> Iterator[str]:
    """As it stands in a header, a form, an address or JSON."""
    yield from (secret, quote_plus(secret), quote(secret, safe=""), json.dumps(secret)[1:-1])


def _veiled(shown: S, hidden: Sequence[str], given: set[str]) -> S:
    headers = tuple(
        (name, value if value in given else _masked(value, hidden)) for name, value in shown.headers
    )
    body = _masked(shown.body, hidden)
    target = {"target": _masked(shown.target, hidden)} if hasattr(shown, "target") else {}
    return shown.model_copy(update={"headers": headers, "body": body, **target})


def _masked(text: str, hidden: Sequence[str]) -> str:
    for one in hidden:
        text = text.replace(one, MASK)
    return _ENCODED.sub(lambda word: MASK if _holds(word[0], hidden) else word[0], text)


def _holds(word: str, hidden: Sequence[str]) -> bool:
    """Whether it is the base64 of one of them, as credentials are sent."""
    try:
        plain = base64.b64decode(word.replace("-", "+").replace("_", "/")).decode(errors="replace")
    except (binascii.Error, ValueError):
        return False
    return any(one in plain for one in hidden)
