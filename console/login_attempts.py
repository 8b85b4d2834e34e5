"""Slows down the guessing of passwords: who failed too often must wait a while.

Failures are counted in the cache, for each name at each address and for each address alone; a name
alone is not counted, since anybody could then lock its owner out. Every way to log in asks the
backend, Django's admin too; the pages and REST ask `wait_seconds` first, so as to say how long.
"""

import hashlib
import logging
import math
import time
from typing import Any
from uuid import uuid4

import redis
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AbstractBaseUser
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from console.compiled import CompiledQuery
from console.models import User

WINDOW_SECONDS = 300
MOST_FOR_NAME = 10
MOST_FOR_ADDRESS = 100

log = logging.getLogger(__name__)


class LimitedBackend(ModelBackend):
    """Django's own check of a password, which takes no attempt while the caller must wait."""

    def authenticate(  # type: ignore[override]  # the stubs take the base's **kwargs away
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **more: Any,
    ) -> AbstractBaseUser | None:
        name = username or ""
        if request and wait_seconds(request, name):
            raise PermissionDenied
        user = super().authenticate(request, username, password, **more)
        if request and name:
            record(request, name, is_right=user is not None)
        return user

    def get_user(self, user_id: Any) -> User | None:
        """Of a session: each page asks."""
        user = _user.first(pk=user_id)
        return user if user is not None and self.user_can_authenticate(user) else None


_user = CompiledQuery(lambda pk: User.objects.filter(pk=pk), pk=uuid4())


def wait_seconds(request: HttpRequest | None, name: str) -> int:
    """How long the caller must wait before an attempt counts; 0 when none failed too often.

    0 too while the cache is away: the console stays open to its users, and the log says so.
    """
    limits = dict(zip(_keys(request, name), (MOST_FOR_NAME, MOST_FOR_ADDRESS), strict=True))
    try:
        failures = cache.get_many(limits)
        over = [key for key, most in limits.items() if failures.get(key, 0) >= most]
        ends = cache.get_many(map(_end_of, over)).values() if over else ()
    except redis.RedisError as error:
        log.warning("login_attempts=uncounted reason=%r", str(error))
        return 0
    return max((max(1, math.ceil(end - time.time())) for end in ends), default=0)


def record(request: HttpRequest, name: str, *, is_right: bool) -> None:
    """Count a failure; forget those of the name after a right password."""
    keys = _keys(request, name)
    try:
        if is_right:
            cache.delete(keys[0])
            return
        for key in keys:
            if cache.add(key, 0, WINDOW_SECONDS):
                cache.set(_end_of(key), time.time() + WINDOW_SECONDS, WINDOW_SECONDS)
            cache.incr(key)
    except (redis.RedisError, ValueError) as error:
        log.warning("login_attempts=uncounted reason=%r", str(error))
        return
    log.warning("login=failed address=%s", request.META.get("REMOTE_ADDR", ""))


def _keys(request: HttpRequest | None, name: str) -> tuple[str, str]:
    """The name is a digest, as people type passwords in its field."""
    address = request.META.get("REMOTE_ADDR", "") if request else ""
    digest = hashlib.sha256(name.casefold().encode("utf-8", "surrogatepass")).hexdigest()
    return f"login-failures-{address}-{digest}", f"login-failures-{address}"


def _end_of(key: str) -> str:
    """The key of when the window ends that began with the first failure."""
    return f"{key}-end"
