"""Reads policies' configurations: the one place where the console makes a policy's model of what people sent.

One with a document or patterns (`Policy.reads_apart`) is read in a process of its own, which can take no more
than its share and is always ended. What was found is remembered: pages ask again and again.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pydantic
from cryptography.fernet import InvalidToken
from django.conf import settings
from django.core.cache import cache
from redis import RedisError

from apis import bounded
from apis.rules.config_reading import limits
from apis.rules.config_reading.judging import faults as faults_of
from console.room import NoRoom, Room
from policies import advice, apart
from policies.policy import Policy, PolicyConfig
from policies.traits import Advice

logger = logging.getLogger(__name__)

CHILD = ("-m", "apis.rules.config_reading.child")
OF_TENANT = (
    f"{limits.MOST_OF_TENANT} documents of your organization and those beside it are being read; "
    "send this one again in some seconds"
)
OF_ALL = "other documents are being read; send this one again in some seconds"
ROOM = Room(limits.MOST_READ, limits.MOST_WAITING, limits.MOST_OF_TENANT)
"""By tenant: all of its organizations together have a few places."""
Fault = dict[str, Any]
Whose = Callable[[], UUID]
"""Tells the tenant, and is asked only where it counts."""


class Unsound(Exception):
    """`faults` are as pydantic tells them."""

    def __init__(self, faults: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        self.faults = faults


class Busy(Unsound):
    """It was not read: others come first."""


@dataclass(frozen=True)
class ReadConfig:
    """A sound configuration. What was read apart, the model holds as it was written."""

    policy: Policy[Any]
    config: Mapping[str, Any]
    model: PolicyConfig
    whose: Whose
    field: str = ""
    """Which has it read apart."""

    def advice(self) -> list[Advice]:
        """What is probably not meant. Raises Unsound where it was taken on trust and is not sound."""
        if not self.field:
            return advice.advice(self.policy, self.model)
        return _apart(self.policy, self.config, self.field, self.whose)


def read(policy: Policy[Any], config: Mapping[str, Any], whose: Whose) -> ReadConfig:
    """`config` is whole; `whose` tells the root of the organizations whose it is. Raises Unsound."""
    field = apart.field(policy, config)
    if field:
        _apart(policy, config, field, whose)
    return _made(policy, config, whose, field)


def trusted(policy: Policy[Any], config: Mapping[str, Any], whose: Whose) -> ReadConfig:
    """The same of one that was read when it was saved: what is read apart is not read before its advice is
    asked for. Raises Unsound.
    """
    return _made(policy, config, whose, apart.field(policy, config))


def _made(policy: Policy[Any], config: Mapping[str, Any], whose: Whose, field: str) -> ReadConfig:
    """Raises Unsound."""
    try:
        model = policy.config.model_validate(dict(config), context=apart.UNREAD if field else None)
    except pydantic.ValidationError as error:
        raise Unsound(faults_of(error)) from error
    return ReadConfig(policy, config, model, whose, field)


def _apart(policy: Policy[Any], config: Mapping[str, Any], field: str, whose: Whose) -> list[Advice]:
    """Raises Unsound."""
    asked = {"policy": policy.name, "config": config}
    key = _key(json.dumps(asked, sort_keys=True).encode())
    told = _remembered(key)
    if told is None:
        told = answer(json.dumps(asked).encode(), field, whose)
        _remember(key, told)
    if faults := told.get("faults"):
        raise Unsound([{**one, "loc": tuple(one["loc"])} for one in faults])
    return [Advice(*one) for one in told["advice"]]


def answer(
    asked: bytes,
    field: str,
    whose: Whose,
    child: tuple[str, ...] = CHILD,
    wall_seconds: float = limits.WALL_SECONDS,
) -> dict[str, Any]:
    """What the process answers; a fault of the field where it was ended. Raises Busy."""
    try:
        with ROOM.place(whose()):
            found = bounded.ask(child, asked, wall_seconds=wall_seconds, answer_bytes=limits.ANSWER_BYTES)
    except NoRoom as full:
        raise Busy([_fault(field, OF_TENANT if full.is_own_share else OF_ALL)]) from None
    if found.why == "broken":
        # Its last lines may quote the configuration, which may hold secrets.
        places = [one for one in found.complaint.splitlines() if one.startswith("  ")]
        logger.error("a configuration was not read, which is a bug field=%s\n%s", field, "\n".join(places))
    if found.why:
        return {"faults": [_fault(field, _WORDS[found.why])]}
    told: dict[str, Any] = json.loads(found.content)
    return told


def _remembered(key: str) -> dict[str, Any] | None:
    with suppress(RedisError, InvalidToken):
        if sealed := cache.get(key):
            told: dict[str, Any] = json.loads(settings.KEYS.fernet.decrypt(sealed))
            return told
    return None


def _remember(key: str, told: dict[str, Any]) -> None:
    """Sealed: it may quote the configuration, which may hold secrets."""
    seconds = limits.KEEP_FAULTS_SECONDS if "faults" in told else limits.KEEP_SECONDS
    with suppress(RedisError):
        cache.set(key, settings.KEYS.fernet.encrypt(json.dumps(told).encode()), seconds)


_WORDS = {
    "time": f"reading it takes longer than {limits.WALL_SECONDS} s; make it smaller",
    "computing": f"reading it takes more than {limits.CPU_SECONDS} s of computing; make it smaller",
    "broken": "reading it broke, and that is no fault of yours; the console's log says how",
    "memory": "reading it takes more than the memory that a configuration gets; make it smaller",
}


def _fault(field: str, words: str) -> Fault:
    return {"type": "apart", "loc": (field,), "msg": words, "input": None}


def _key(asked: bytes) -> str:
    """Says nothing of the configuration, which may hold secrets, to who reads the cache."""
    secret = hashlib.blake2b(settings.SECRET_KEY.encode(), digest_size=32).digest()
    digest = hashlib.blake2b(asked, key=secret, digest_size=20, person=b"config-reading").hexdigest()
    return f"config-read:{settings.VERSION}:{digest}"
