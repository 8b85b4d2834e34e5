"""What a policy's `ask.py` is given, and what it gives back.

    async def ask(asked: Mapping[str, Any], credential: bytes, network: Network) -> CheckedCredential

`asked` is what the policy's `compile` gave to `question`, `credential` what its script asks about.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

MOST_TEXT = 8192
"""Bytes of an answer that is remembered: a cell of memory.py."""
MOST_DEPTH = 16

ScriptValue = None | bool | int | float | str | Sequence["ScriptValue"] | Mapping[str, "ScriptValue"]


class Unanswered(Exception):
    """Nothing can be said of the credential, which is not its fault. The text, "CHECK: WORDS", is the reason
    in the access log; it quotes nothing secret and nothing that is longer than a line."""


@dataclass(frozen=True)
class CheckedCredential:
    """`told` is what the policy's script gets, `seconds` how long that holds (0: for once).

    `is_yes` answers are kept when room is short, before others.
    """

    told: Mapping[str, ScriptValue]
    seconds: float = 0
    is_yes: bool = False


@dataclass(frozen=True)
class HttpAnswer:
    """An answer over HTTP. Names of headers are in lower case; `fields` has each value of one."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    fields: Sequence[tuple[str, str]] = ()


class Network(Protocol):
    """The network of a gateway, or of a rehearsal, in which answers are played."""

    async def get(self, url: str, most_bytes: int) -> HttpAnswer:
        """Raises Unanswered. No redirect is followed; https is verified by the CAs that we trust."""

    async def post(
        self,
        url: str,
        form: Mapping[str, str],
        headers: Mapping[str, str],
        most_bytes: int,
        *,
        trusted_ca: str = "",
    ) -> HttpAnswer:
        """The same with a form. Raises Unanswered. PEM of `trusted_ca` vouches in the place of our CAs."""

    async def send(
        self, method: str, url: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], most_bytes: int
    ) -> HttpAnswer:
        """The same with any method, these headers alone, and no body. `target` is path and query as they are
        to be sent. Raises Unanswered."""

    async def call(self, url: str, method: str, message: bytes, most_bytes: int) -> bytes:
        """Calls a method of gRPC at a server, `http` or `https`, with a message, and gives its answer's.
        Raises Unanswered."""

    @property
    def trusted_ca(self) -> str:
        """The file of the CAs that we trust, for who speaks TLS with something else."""

    @property
    def is_played(self) -> bool:
        """Whether nothing but these may leave the process: they are answered by the rehearsal."""


def encoded(told: ScriptValue) -> bytes:
    """As asking.lua reads it: a letter for each kind, texts with their length before them."""
    return "".join(_parts(told, 0)).encode(errors="replace")


def _parts(value: Any, depth: int) -> list[str]:  # noqa: PLR0911 - one for each kind
    if depth > MOST_DEPTH:
        return ["z"]
    match value:
        case None:
            return ["z"]
        case bool():
            return ["t" if value else "f"]
        case int() | float():
            number = float(value) if abs(value) < 1e308 else math.inf
            return [f"n{number!r};"] if math.isfinite(number) else ["z"]
        case str():
            # A half of a pair is no character.
            text = value.encode(errors="replace").decode()
            return [f"s{len(text.encode())}:{text}"]
        case Mapping():
            inner = [
                part for key, one in value.items() for part in (*_parts(str(key), 0), *_parts(one, depth + 1))
            ]
            return ["{", *inner, "}"]
        case Sequence():
            return ["[", *(part for one in value for part in _parts(one, depth + 1)), "]"]
    raise TypeError(f"{type(value).__name__} is nothing that an answer holds")
