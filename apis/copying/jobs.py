"""Many copies of an API that somebody waits for: made by a worker, together or not at all, and told of in
Valkey for minutes.
"""

import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

import orjson
import redis
from django.core.cache import cache
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from kombu.exceptions import OperationalError

from apis.changes import copies
from apis.changes.copies import CopiesRefused
from apis.desired import DesiredUpstream, NewAsset
from apis.models import ApiInstance
from apis.rules import permitted
from apis.rules.copies import Copy, as_it_is
from console import background, turns
from console.models import Organization, User
from console.permissions import Permission
from gateways import lookup
from gateways.models import Gateway

logger = logging.getLogger(__name__)

KEEP_SECONDS = 900
TAKEN_SECONDS = 30
"""A worker that comes later makes nothing."""
WORKED_SECONDS = 300
"""After so long whoever worked on it is gone, and what it made with it."""
UNTAKEN = "No worker has taken it, and nothing was made. Ask who runs the console whether its workers are up."
AGAIN_SECONDS = 2
BUSY = "Others of your organization had copies made, and nothing was made of these. Try again in a minute."
GONE = "Whoever worked on it is gone. Look at the list of APIs: either all copies were made or none."
BROKEN = "It broke off, and nothing was made; the workers' log says why."
NOT_ALLOWED = "You may not change this environment any more; nothing was made."
Faults = dict[int, dict[str, list[str]]]


@dataclass(frozen=True)
class WantedCopy:
    """One copy. An empty name of it is refused; an empty `uri` is the origin's."""

    name: str
    base_path: str
    port: int
    uris: Mapping[str, str] = field(default_factory=dict)
    """By the ids of the origin's upstreams."""


@dataclass(frozen=True)
class CopyJob:
    """`rows` is what was asked for; `made` are the ids of the copies once all of them are there."""

    key: str
    api_id: int
    state: Literal["waiting", "working", "done"]
    rows: list[WantedCopy]
    gateway: str
    deploy: bool
    looked_at: int = 0
    made: list[int] = field(default_factory=list)
    faults: Faults = field(default_factory=dict)
    fault: str = ""

    @property
    def is_going(self) -> bool:
        return self.state != "done"


def copies_of(api: ApiInstance, rows: Sequence[WantedCopy], gateway: Gateway | None) -> list[Copy]:
    """As the origin is, each a new API of the origin's versions."""
    usual = as_it_is(api, api.environment)
    was = api.asset
    return [
        replace(
            usual,
            asset=NewAsset(row.name, "", was.version, was.api_version, was.type, was.specification),
            gateway=gateway,
            port=row.port,
            base_path=row.base_path,
            label="",
            upstreams=_upstreams(usual, row),
        )
        for row in rows
    ]


def ask(user: User, api: ApiInstance, rows: Sequence[WantedCopy], gateway: str, *, deploy: bool) -> str:
    """The job's key. Where no worker can be asked it is done at once."""
    from apis.tasks import copy_many

    key = secrets.token_urlsafe(16)
    job: dict[str, Any] = {
        "user": str(user.pk),
        "api": api.pk,
        "state": "waiting",
        "rows": [asdict(one) for one in rows],
        "gateway": gateway,
        "deploy": deploy,
        "asked_at": time.time(),
    }
    if not background.is_valkey_up():
        raise NoWorker
    try:
        _keep(key, job)
        copy_many.apply_async(args=(key,), retry=False, expires=TAKEN_SECONDS)
    except (OperationalError, OSError, redis.RedisError) as error:
        raise NoWorker from error
    return key


class NoWorker(RuntimeError):
    """No worker can be asked."""


def found(user: User, key: str) -> CopyJob | None:
    """The user's own, if it is still kept. Raises redis.RedisError."""
    job = _opened(key)
    if job is None or job["user"] != str(user.pk):
        return None
    seconds, state, fault = time.time() - job["asked_at"], job["state"], job.get("fault", "")
    if state == "waiting" and seconds > 2 * TAKEN_SECONDS:
        state, fault = "done", UNTAKEN
    if state == "working" and seconds > TAKEN_SECONDS + WORKED_SECONDS:
        state, fault = "done", GONE
    return CopyJob(
        key,
        job["api"],
        state,
        [WantedCopy(**one) for one in job["rows"]],
        job["gateway"],
        job["deploy"],
        job.get("looked_at", 0),
        job.get("made", []),
        {int(place): faults for place, faults in job.get("faults", {}).items()},
        fault,
    )


def work(key: str) -> None:
    """Make the copies of a job that waits; safe to run twice."""
    from apis.tasks import copy_many

    job = _opened(key)
    if job is None or job["state"] != "waiting":
        return
    whose = Organization.objects.filter(environments__api_instances=job["api"]).first()
    with turns.turn(whose.root_id if whose else UUID(job["user"]), "copies") as has_turn:
        if has_turn:
            _work(key, job)
        elif time.time() - job["asked_at"] < TAKEN_SECONDS - AGAIN_SECONDS:
            copy_many.apply_async(args=(key,), retry=False, countdown=AGAIN_SECONDS, expires=TAKEN_SECONDS)
        else:
            _keep(key, job | {"state": "done", "fault": BUSY})


def _work(key: str, job: dict[str, Any]) -> None:
    if not cache.add(f"{_place(key)}:taken", True, KEEP_SECONDS):
        return
    job["state"] = "working"
    _keep(key, job)
    try:
        told = _made(key, job)
    except Exception:
        _keep(key, job | {"state": "done", "fault": BROKEN})
        raise
    _keep(key, job | told | {"state": "done"})


def _made(key: str, job: dict[str, Any]) -> dict[str, Any]:
    api = ApiInstance.objects.select_related("asset__organization", "environment__organization", "gateway")
    origin, user = api.filter(pk=job["api"]).first(), User.objects.filter(pk=job["user"]).first()
    if origin is None or user is None or not _may(user, origin):
        return {"fault": NOT_ALLOWED}
    rows = [WantedCopy(**one) for one in job["rows"]]

    def told(count: int) -> None:
        _keep(key, job | {"looked_at": count})

    try:
        return {"made": make(user, origin, rows, job["gateway"], deploy=job["deploy"], told=told)}
    except CopiesRefused as refused:
        return {"faults": faults_of(refused)}
    except PermissionDenied:
        return {"fault": NOT_ALLOWED}
    except (ValidationError, Http404) as error:
        return {"fault": " ".join(getattr(error, "messages", [str(error)]))}


def _may(user: User, origin: ApiInstance) -> bool:
    return user.is_active and Permission.MANAGE_APIS in permitted.may(user, origin)


def make(
    user: User,
    api: ApiInstance,
    rows: Sequence[WantedCopy],
    gateway: str,
    *,
    deploy: bool,
    told: Any = lambda count: None,
) -> list[int]:
    """The ids of the copies. Raises CopiesRefused, or ValidationError for what is not about a single copy,
    and PermissionDenied.
    """
    wanted = copies_of(api, rows, lookup.chosen(api.environment, gateway))
    return [one.pk for one in copies.copy_all(user, api, wanted, deploy=deploy, told=told)]


def faults_of(refused: CopiesRefused) -> Faults:
    """By the copy's place, then by the row's field."""
    return {place: error.message_dict for place, error in refused.faults.items()}


def _upstreams(usual: Copy, row: WantedCopy) -> dict[UUID, DesiredUpstream]:
    return {pk: replace(one, uri=row.uris.get(str(pk)) or one.uri) for pk, one in usual.upstreams.items()}


def _keep(key: str, job: Mapping[str, Any]) -> None:
    cache.set(_place(key), orjson.dumps(job, option=orjson.OPT_NON_STR_KEYS), KEEP_SECONDS)


def _opened(key: str) -> dict[str, Any] | None:
    text = cache.get(_place(key))
    return dict(orjson.loads(text)) if text else None


def _place(key: str) -> str:
    return f"copies:{key}"
