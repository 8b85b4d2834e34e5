"""Rehearsals that somebody waits for: sealed in Valkey for minutes, and worked on by a worker.

What people type is tried again and again, so of each person's rehearsals of a kind the newest counts: one
that waits still is dropped when a newer one comes, and nobody has more than one of a kind in the line.
"""

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import orjson
import redis
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.cache import cache
from kombu.exceptions import OperationalError

from console import background, turns
from console.models import Organization, User
from gateways import evaluating, rehearsing
from gateways.protocol.rehearsal import RehearsalInput, Request, Value, Verdict
from gateways.rehearsing import NotAsked, RehearsalEnded

logger = logging.getLogger(__name__)

Kind = Literal["evaluate", "rehearse"]
KEEP_SECONDS = 600
TAKEN_SECONDS = 30
"""How long one may wait for a worker before people are told that none takes it."""
WORKED_SECONDS = 120
"""A worker that has had a job for so long is gone."""
READY_SECONDS = 30
MOST_BYTES = 8 * 1024 * 1024
AWAY = "Nothing can be tried at the moment: {}. Try again in a minute."
TOO_LARGE = "This API is too large to be tried here; use gatewright rehearse with its exported files."
UNTAKEN = "No worker has taken it. Ask who runs the console whether its workers are up."
REPLACED = "Something newer of yours took its place, or it is too long ago. Try again."
AT_ONCE_EACH = 2
"""Of a tenant."""
AGAIN_SECONDS = 1
BUSY = "Others of your organization try requests right now. Try again in a moment."
GONE = "Whoever worked on it is gone. Try again."


class Away(RuntimeError):
    """What is needed to try something does not answer; the text is for people."""


@dataclass(frozen=True)
class TryJob:
    """`value` or `verdict` is the answer; `fault` says in words why there is none."""

    key: str
    api_id: int
    kind: Kind
    state: Literal["waiting", "working", "done"]
    seconds: float
    shown: dict[str, Any]
    """What the page that asked wants to see again."""
    value: Value | None = None
    verdict: Verdict | None = None
    fault: str = ""
    total_ms: float = 0
    """From the question to the answer."""

    @property
    def is_done(self) -> bool:
        return self.state == "done"


def ask(user: User, api_id: int, kind: Kind, lines: list[dict[str, Any]], shown: dict[str, Any]) -> TryJob:
    """`lines` are what the rehearsal's process is told, as JSON, the last one the question. Raises Away.

    Returns the job as it was kept. A question of the same person in another tab may have replaced it by now.
    """
    from apis.tasks import rehearse

    key = secrets.token_urlsafe(16)
    job = {"user": str(user.pk), "api": api_id, "kind": kind, "state": "waiting", "asked_at": time.time()}
    text = orjson.dumps({**job, "lines": lines, "shown": shown})
    if len(text) > MOST_BYTES:
        raise Away(TOO_LARGE)
    if not background.is_valkey_up():
        raise Away(AWAY.format("Valkey does not answer"))
    newest = _newest(str(user.pk), kind)
    try:
        if older := cache.get(newest):
            cache.delete(_place(older))
        cache.set_many({_place(key): _sealed(text), newest: key}, KEEP_SECONDS)
        rehearse.apply_async(args=(key,), retry=False)
    except (OperationalError, OSError, redis.RedisError) as error:
        raise Away(AWAY.format("the workers cannot be reached")) from error
    return TryJob(key, api_id, kind, "waiting", 0, shown)


def found(user: User, key: str) -> TryJob | None:
    """The user's own, if it is still kept. Raises redis.RedisError."""
    job = _opened(key)
    if job is None or job["user"] != str(user.pk):
        return None
    answer, fault, state = job.get("answer") or {}, job.get("fault", ""), job["state"]
    seconds = time.time() - job["asked_at"]
    if state == "waiting" and seconds > TAKEN_SECONDS:
        state, fault = "done", UNTAKEN
    if state == "working" and seconds > TAKEN_SECONDS + WORKED_SECONDS:
        state, fault = "done", GONE
    return TryJob(
        key,
        job["api"],
        job["kind"],
        state,
        seconds,
        job["shown"],
        value=Value.model_validate(answer) if answer and job["kind"] == "evaluate" else None,
        verdict=Verdict.model_validate(answer) if answer and job["kind"] == "rehearse" else None,
        fault=fault,
        total_ms=job.get("total_ms", 0),
    )


def work(key: str) -> None:
    """Give the answer of one that waits and is the newest of its kind; safe to run twice."""
    from apis.tasks import rehearse

    job = _opened(key)
    if job is None or job["state"] != "waiting":
        return
    whose = Organization.objects.filter(environments__api_instances=job["api"]).first()
    with turns.turn(whose.root_id if whose else UUID(job["user"]), "rehearsals", AT_ONCE_EACH) as has_turn:
        if has_turn:
            _work(key, job)
        elif time.time() - job["asked_at"] < TAKEN_SECONDS - AGAIN_SECONDS:
            rehearse.apply_async(args=(key,), retry=False, countdown=AGAIN_SECONDS)
        else:
            _keep(key, job | {"state": "done", "fault": BUSY})


def _work(key: str, job: dict[str, Any]) -> None:
    if cache.get(_newest(job["user"], job["kind"])) != key:
        cache.delete(_place(key))
        return
    lines = job.pop("lines")
    _keep(key, job | {"state": "working"})

    def tell(told: dict[str, Any]) -> None:
        total_ms = round((time.time() - job["asked_at"]) * 1000)
        _keep(key, job | told | {"state": "done", "total_ms": total_ms})

    try:
        _try(job["kind"], lines, tell)
    except NotAsked as error:
        tell({"fault": f"The gateway could not be started for it: {error}"})
    except RehearsalEnded as error:
        logger.warning("rehearsal failed error=%r", error)
        tell({"fault": f"It could not be tried: {error}. Try again in a moment."})
    rehearsing.prepare()


def prepare() -> None:
    """Have a worker hold a process ready; nothing is lost where none can."""
    from apis.tasks import prepare_rehearsal

    if not background.is_valkey_up():
        return
    try:
        prepare_rehearsal.apply_async(retry=False, expires=TAKEN_SECONDS)
    except (OperationalError, OSError) as error:
        logger.warning("rehearsal was not prepared error=%r", error)


def _try(kind: Kind, lines: list[dict[str, Any]], tell: Callable[[dict[str, Any]], None]) -> None:
    """Tells the answer before the process is ended, which takes time too. Raises NotAsked, RehearsalEnded."""
    *before, last = (RehearsalInput.model_validate(one) for one in lines)
    assert last.request is not None
    if kind == "evaluate":
        assert last.evaluate is not None
        tell({"answer": _plain(evaluating.evaluate(last.evaluate, last.request, last.answers))})
        return
    with rehearsing.rehearsing(before[0].resources, before[0].answers, ready_seconds=READY_SECONDS) as it:
        tell({"answer": _plain(it.ask(last.request, last.answers, foresees=last.foresees))})


def _plain(answer: Value | Verdict) -> dict[str, Any]:
    plain: dict[str, Any] = answer.model_dump(mode="json", by_alias=True)
    return plain


def line_of(request: Request, **more: Any) -> dict[str, Any]:
    """The question, as JSON."""
    return {**more, "request": request.model_dump(mode="json", by_alias=True, exclude={"key"})}


def _keep(key: str, job: dict[str, Any]) -> None:
    cache.set(_place(key), _sealed(orjson.dumps(job)), KEEP_SECONDS)


def _opened(key: str) -> dict[str, Any] | None:
    sealed = cache.get(_place(key))
    try:
        return dict(orjson.loads(settings.KEYS.fernet.decrypt(sealed))) if sealed else None
    except InvalidToken:
        return None


def _sealed(text: bytes) -> bytes:
    """It holds the secrets of policies, and what people type."""
    return bytes(settings.KEYS.fernet.encrypt(text))


def _place(key: str) -> str:
    return f"rehearsal:{key}"


def _newest(user: str, kind: Kind) -> str:
    return f"rehearsal-newest:{user}:{kind}"
