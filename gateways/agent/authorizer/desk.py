"""Takes a credential, has the policy's own code ask the network about it, and remembers what that says."""

import asyncio
import json
import logging
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from gateways.agent.authorizer.fair_queue import FairQueue, QueueFull
from gateways.agent.authorizer.remembered import Remembered
from policies.answers.answer import CheckedCredential, Network, Unanswered, encoded
from policies.compiled import SECRETS

AT_ONCE, MOST_WAITING = 32, 1024
LINGER_SECONDS = 1.0
"""Who looked into memory before an answer stood there, and comes when it was given, gets the same."""
LOOK_SECONDS = 30
_QUESTION = re.compile(r"[0-9a-f]{32}")
_POLICY = re.compile(r"[a-z0-9][a-z0-9-]{0,100}")

log = logging.getLogger(__name__)

Ask = Callable[[Mapping[str, Any], bytes, Network], Awaitable[CheckedCredential]]


class NoQuestion(LookupError):
    """There is no such question."""


@dataclass(frozen=True)
class _Question:
    ask: Ask
    asked: Mapping[str, Any] = field(repr=False)
    seconds: float
    remembered_seconds: float
    most: int
    line: FairQueue


class Desk:
    """For one event loop."""

    def __init__(self, state: Path, network: Network, remembered: Remembered) -> None:
        self._folder = state / SECRETS
        self._network = network
        self._remembered = remembered
        self._questions: dict[str, _Question] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[bytes]] = {}

    async def answer(self, question: str, digest: str, caller: str, credential: bytes) -> bytes:
        """Encoded. Whoever asks the same meanwhile gets the same answer. Raises NoQuestion."""
        known = self._known(question)
        if len(digest) != 32:
            return await self._text(question, known, "", caller, credential)
        key = (question, digest)
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._text(question, known, digest, caller, credential))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._done(key, done))
        return await asyncio.shield(task)

    async def forget_gone(self) -> None:
        """Questions that no API has any more, for as long as this process lives."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for name in [one for one in self._questions if not (self._folder / one).exists()]:
                del self._questions[name]

    def _done(self, key: tuple[str, str], task: "asyncio.Task[bytes]") -> None:
        if task.cancelled() or task.exception() or task.result().startswith(_UNANSWERED):
            self._asking.pop(key, None)
        else:
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self._asking.pop, key, None)

    async def _text(
        self, name: str, question: _Question, digest: str, caller: str, credential: bytes
    ) -> bytes:
        try:
            answer = await self._asked(question, caller, credential)
        except Unanswered as reason:
            return encoded({"unanswered": str(reason)[:200]})
        text = encoded(answer.told)
        if digest:
            place = int(digest[:16], 16).to_bytes(8, _ORDER) + int(digest[16:], 16).to_bytes(8, _ORDER)
            seconds = min(answer.seconds, question.remembered_seconds)
            self._remembered.keep(name, place, text, seconds, is_yes=answer.is_yes, most=question.most)
        return text

    async def _asked(self, question: _Question, caller: str, credential: bytes) -> CheckedCredential:
        """Raises Unanswered."""
        try:
            async with asyncio.timeout(question.seconds), question.line.place(caller):
                return await question.ask(question.asked, credential, self._network)
        except Unanswered:
            raise
        except QueueFull:
            raise Unanswered("authorizer: too many credentials wait to be asked about") from None
        except TimeoutError:
            raise Unanswered(f"time: there was no answer within {question.seconds:g} s") from None
        except Exception as error:
            log.exception("question=failed")
            raise Unanswered(f"authorizer: it failed ({type(error).__name__})") from None

    def _known(self, name: str) -> _Question:
        """From its file, the first time. Raises NoQuestion."""
        if found := self._questions.get(name):
            return found
        if not _QUESTION.fullmatch(name):
            raise NoQuestion(name)
        try:
            plain = json.loads((self._folder / name).read_bytes())
            if not _POLICY.fullmatch(plain["policy"]):
                raise NoQuestion(name)
            made = _Question(
                import_module(f"policies.catalog.{plain['policy'].replace('-', '_')}.ask").ask,
                plain["asked"],
                plain["timeout_ms"] / 1000,
                plain["remembered_seconds"],
                plain["most_remembered"],
                FairQueue(AT_ONCE, MOST_WAITING),
            )
        except (OSError, ValueError, KeyError, TypeError, ImportError, AttributeError) as error:
            log.error("question=%s known=false reason=%s", name, type(error).__name__)
            raise NoQuestion(name) from None
        self._questions[name] = made
        return made


_ORDER = sys.byteorder
_UNANSWERED = encoded({"unanswered": None})[:-2]
