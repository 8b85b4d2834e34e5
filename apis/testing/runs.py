"""Runs an API's tests on what is saved of it: by a worker, each on a throw-away gateway of its own."""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from kombu.exceptions import OperationalError

from apis.api_test import WORKED_SECONDS, ApiTest, ApiTestRun
from apis.models import ApiInstance
from apis.revision import Content
from apis.revisions import rows
from apis.testing import whole
from console import background, turns
from console.models import User
from gateways import rehearsing
from gateways.protocol import cases
from gateways.protocol.cases import Case
from gateways.protocol.rehearsal import Played, RehearsalInput, Request, Verdict
from gateways.protocol.resources import AnyResource
from gateways.rehearsing import NotAsked, RehearsalEnded, Rehearsing

logger = logging.getLogger(__name__)

MOST_SECONDS = 300
"""Of a run: what is not tried by then is said to be."""
READY_SECONDS = 30
AT_ONCE, AT_ONCE_EACH = 2, 1
"""Runs, and those of one tenant: what people wait for on a page always finds a worker's thread."""
AGAIN_SECONDS = 3
BUSY = "The workers were busy with other runs. Run them again."
TOO_LONG = f"The run took longer than {MOST_SECONDS} s; what was not reached could not be run."
NOT_REACHED = "the run took too long before"
NOT_ENDED = f"the run had taken {MOST_SECONDS} s before all of its requests were tried"


@transaction.atomic
def start(actor: User, api: ApiInstance) -> ApiTestRun:
    """Ask for a run of all tests. One that goes on is left to itself, and answered again."""
    api = ApiInstance.objects.select_for_update(no_key=True).get(pk=api.pk)
    going = ApiTestRun.objects.filter(api=api).first()
    if going and going.is_going and going.state == ApiTestRun.State.RUNNING:
        return going
    values = {
        "token": uuid.uuid4(),
        "state": ApiTestRun.State.WAITING,
        "total": api.tests.count(),
        "done": 0,
        "asked_at": timezone.now(),
        "ended_at": None,
        "fault": "",
        "digest": "",
        "by": actor,
    }
    run, _ = ApiTestRun.objects.update_or_create(api=api, defaults=values)
    transaction.on_commit(partial(_enqueue, run))
    return run


def work(api_id: int, token: str) -> None:
    """Run them if that run is still wanted and nobody runs it; safe to run twice."""
    mine = ApiTestRun.objects.filter(api=api_id, token=token)
    wanted = (
        mine.filter(state=ApiTestRun.State.WAITING).select_related("api__environment__organization").first()
    )
    if wanted is None:
        return
    with turns.turn(_tenant(wanted), "tests", AT_ONCE_EACH) as has_turn:
        if has_turn and _has_room(wanted):
            _work(api_id, mine)
        else:
            _wait(wanted)


def _work(api_id: int, mine: QuerySet[ApiTestRun]) -> None:
    if not mine.filter(state=ApiTestRun.State.WAITING).update(state=ApiTestRun.State.RUNNING):
        return
    api = ApiInstance.objects.select_related("gateway", "environment").get(pk=api_id)
    fault = ""
    try:
        content = rows.content_of(api)
        fault = _run(api, content, list(api.tests.all()), lambda count: bool(mine.update(done=count)))
        if not fault:
            mine.update(digest=content.digests[0])
    except Exception:
        fault = "The run broke off; the workers' log says why."
        raise
    finally:
        mine.update(state=ApiTestRun.State.DONE, ended_at=timezone.now(), fault=fault[:500])


def _has_room(wanted: ApiTestRun) -> bool:
    """Two that look in the same instant may both begin: it is a share, and no lock."""
    since = timezone.now() - timedelta(seconds=WORKED_SECONDS)
    going = ApiTestRun.objects.filter(state=ApiTestRun.State.RUNNING, asked_at__gt=since)
    paths = going.values_list("api__environment__organization__path", flat=True)[:AT_ONCE]
    tenants = [path.partition("/")[0] for path in paths]
    return len(tenants) < AT_ONCE and tenants.count(str(_tenant(wanted))) < AT_ONCE_EACH


def _tenant(wanted: ApiTestRun) -> UUID:
    return wanted.api.environment.organization.root_id


def _wait(wanted: ApiTestRun) -> None:
    """In the line once more, until nobody believes in it any longer."""
    if wanted.is_going:
        _enqueue(wanted, AGAIN_SECONDS)
    else:
        _end(wanted, BUSY)


def _run(api: ApiInstance, content: Content, tests: list[ApiTest], told: Callable[[int], bool]) -> str:
    """What kept it from being whole, "" for nothing. `told` says whether it is still wanted."""
    resources = RehearsalInput.model_validate({"resources": whole.of_content(api, content)}).resources or ()
    deadline, fault = time.monotonic() + MOST_SECONDS, ""
    try:
        with rehearsing.rehearsing(None, ready_seconds=READY_SECONDS) as process:
            for number, test in enumerate(tests, start=1):
                if time.monotonic() > deadline:
                    fault = TOO_LONG
                    _save(test, ApiTest.State.BROKEN, {"fault": NOT_REACHED})
                else:
                    _save(test, *_tried(process, resources, api, test.known, deadline))
                if not told(number):
                    break
    except RehearsalEnded as error:
        logger.warning("tests broke off api=%s error=%r", api.pk, error)
        fault = f"The run broke off: {error}. Run them again in a moment."
    rehearsing.prepare()
    return fault


def _tried(
    process: Rehearsing, resources: tuple[AnyResource, ...], api: ApiInstance, case: Case, deadline: float
) -> tuple[ApiTest.State, dict[str, Any]]:
    """Each test has a gateway of its own, so that no limit of one counts for another. Raises
    RehearsalEnded.
    """
    last: list[Verdict] = []

    def ask(request: Request, answers: Sequence[Played]) -> Verdict:
        if time.monotonic() > deadline:
            raise NotAsked(NOT_ENDED)
        last[:] = [process.ask(request, answers)]
        return last[0]

    try:
        process.serve(resources)
        found = cases.tried(case, ask, api.base_path, api.port)
    except NotAsked as error:
        return ApiTest.State.BROKEN, {"fault": str(error)[:500]}
    said = {"outcome": last[0].outcome, "reason": last[0].reason[:500]} if last else {}
    told = {**said, "differences": [one.model_dump() for one in found]}
    return (ApiTest.State.FAILED if found else ApiTest.State.PASSED), told


def _save(test: ApiTest, state: ApiTest.State, result: dict[str, Any]) -> None:
    """Nothing where the test was changed meanwhile: what came is of another one then."""
    same = ApiTest.objects.filter(pk=test.pk, updated_at=test.updated_at)
    same.update(state=state, result=result, ran_at=timezone.now())


def _enqueue(run: ApiTestRun, in_seconds: float = 0) -> None:
    from apis.tasks import run_tests

    if background.is_valkey_up():
        try:
            run_tests.apply_async(args=(run.api_id, str(run.token)), retry=False, countdown=in_seconds)
            return
        except (OperationalError, OSError) as error:
            logger.warning("tests were not enqueued api=%s error=%r", run.api_id, error)
    _end(run, "The workers cannot be reached at the moment. Try again in a minute.")


def _end(run: ApiTestRun, fault: str) -> None:
    done = {"state": ApiTestRun.State.DONE, "ended_at": timezone.now(), "fault": fault}
    ApiTestRun.objects.filter(pk=run.pk, token=run.token).update(**done)
