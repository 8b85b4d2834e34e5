"""The console's pages with many APIs, gateways and a month of traffic: server time and database queries."""

import importlib
import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

AIM_MS = 100


class Sent(NamedTuple):
    """What a form sends, and leads on; where to is asked before each time."""

    fields: dict[str, str]
    address: Callable[[], str]


class Rest(NamedTuple):
    """What a client asks, which names itself by a token."""

    address: str
    token: str


Page = str | Sent | Rest


def measure(folder: Path, *, quick: bool, rounds: int, only: str = "") -> None:
    """Requests go through middleware, view and template in this process; PostgreSQL is the embedded one."""
    os.environ.update(
        GATEWRIGHT_HOME=str(folder), DJANGO_SETTINGS_MODULE="console.settings", GATEWRIGHT_LOG_LEVEL="ERROR"
    )
    import django

    from console.stack import servers

    def pages(made: Any) -> dict[str, Page]:
        return {name: url for name, url in _pages(made).items() if only in name}

    with servers.running(folder):
        django.setup()
        from apis.lists import columns
        from bench.console_data import fill, prepare
        from console.models import User

        prepare(folder)
        client = _client()
        columns.choose(User.objects.get(is_superuser=True), [one.name for one in columns.COLUMNS])
        small = fill(apis=20, gateways=5, days=3)
        few = {name: _queries(client, url) for name, url in pages(small).items()}
        importlib.import_module("console.wsgi")  # settles the process as gunicorn does
        large = fill(apis=200 if quick else 5000, gateways=20 if quick else 200, days=3 if quick else 30)
        repeats = 5 if quick else 10 * rounds
        rows = [page_row(client, name, url, few[name], repeats) for name, url in pages(large).items()]
    from bench import report

    title = f"Console: {large.apis:,} APIs, {large.gateways} gateways, {large.rollups:,} rollups"
    report.tell("console", title, rows, quick=quick, is_part=bool(only), repeats=repeats)


def _client() -> Any:
    from django.test import Client

    client = Client(raise_request_exception=True)
    user = _user()
    user.must_change_password = False  # else every page leads to where it is changed
    user.save()
    client.force_login(user)
    return client


def _pages(made: Any) -> dict[str, Page]:
    api, gateway = made.first_api, made.gateway
    place, every = _place(), {"all": "1", "action": "tag"}
    return {
        "overview": "/",
        "API Manager": "/apis",
        "API Manager, searched": "/apis?q=orders-1",
        "API Manager, an upstream searched": "/apis?q=backend-7",
        "API Manager, filtered": f"/apis?tag=eu&owner=team@example.com&gateway={gateway}&deprecated=no",
        "API Manager, by status": "/apis?sort=status",
        "API Manager, those Active": "/apis?status=Active",
        "API Manager, by requests": "/apis?sort=-requests",
        "API Manager, by requests, the last page": "/apis?sort=-requests&page=200",
        "API Manager, by error rate": "/apis?sort=-errors",
        "the question before all are deleted": f"/apis/bulk/{_asked('delete')}",
        "API Manager, every column, the last page": "/apis?page=200&sort=changed",
        "Runtime Manager": "/gateways",
        "an API": f"/apis/{api}",
        "an API's policies": f"/apis/{api}/policies",
        "a policy set, changed ten times for all": f"/apis/policy-sets/{_told_set()}",
        "a gateway": f"/gateways/{gateway}",
        "a gateway's APIs": f"/gateways/{gateway}/apis",
        "search": "/search?q=orders",
        "analytics of all APIs, 30 days": "/analytics?range=30d",
        "analytics of all APIs, 24 hours": "/analytics?range=24h",
        "an API's analytics, 30 days": f"/apis/{api}/analytics?range=30d",
        "an API's analytics, 24 hours": f"/apis/{api}/analytics?range=24h",
        "REST: 100 APIs": _rest("apis?limit=100"),
        "REST: 100 APIs, searched": _rest("apis?limit=100&query=orders-1"),
        # Last: what was chosen before and not begun, such as the question above, is forgotten by them.
        "the progress of a change of all": f"/apis/bulk/{_begun()}",
        "all bulk changes": "/apis/bulk",
        "starting a change of all": Sent({"tags": "eu"}, lambda: f"/apis/bulk/{_asked('tag')}/start"),
        "switching an automated policy of all": _switching(),
        "asking for a change of all": Sent(every | {"environment": str(place.pk)}, lambda: "/apis/bulk"),
    }


def _place() -> Any:
    from apis.models import ApiInstance

    return ApiInstance.objects.select_related("environment").earliest("pk").environment


def _rest(path: str) -> Rest:
    from console.rest import tokens

    place = _place()
    start = f"/apimanager/api/v1/organizations/{place.organization_id}/environments/{place.pk}"
    return Rest(f"{start}/{path}", tokens.issue(_user()))


def _switching() -> Sent:
    from bench.console_changes import noted, switched

    @cache
    def made() -> Any:
        return switched(_user(), _place())

    def address() -> str:
        # Not before: gateways wait for its change then, and no API of a list is Active any more.
        policy = made()
        noted()
        policy.refresh_from_db()
        return f"/apis/automated/{policy.pk}/{'enable' if policy.is_disabled else 'disable'}"

    return Sent({}, address)


def _told_set() -> Any:
    from bench.console_changes import told_set

    return told_set(_user(), _place()).pk


def _user() -> Any:
    from console.models import User

    return User.objects.filter(is_superuser=True).earliest("date_joined")


def _asked(action: str) -> Any:
    """The id of a change that is asked for, of every API."""
    from apis.bulk import choosing
    from apis.models import ApiInstance

    return choosing.ask(_user(), _place(), action, ApiInstance.objects.values("pk")).pk


def _begun() -> Any:
    """The id of one that has begun, and got nowhere yet."""
    from apis.bulk import running
    from apis.bulk.models import BulkChange

    change = BulkChange.objects.get(pk=_asked("tag"))
    running.start(change, {"tags": ["eu"]})
    return change.pk


def _queries(client: Any, page: Page) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    _asking(client, page)()
    ask = _asking(client, page)
    with CaptureQueriesContext(connection) as caught:
        ask()
    return len(caught)


def page_row(client: Any, name: str, page: Page, few_queries: int, repeats: int) -> dict[str, Any]:
    from bench import report

    queries = _queries(client, page)
    took, used = [], []
    for _ in range(repeats):
        ask = _asking(client, page)
        before = cpu_ms()
        took.append(_timed(ask))
        used.append(cpu_ms() - before)
    return {
        "page": name,
        "CPU ms, least": min(used),
        "p50 ms": report.percentile(took, 0.5),
        "p95 ms": report.percentile(took, 0.95),
        "aim p95 ms": AIM_MS,
        "queries": queries,
        "with few rows": few_queries,
    }


def cpu_ms() -> float:
    """Of this process and the one that answers its queries, without the workers that may help it."""
    from django.db import connection

    answers = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text().split()
    return 1000 * time.process_time() + int(answers[0]) / 1e6


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def _asking(client: Any, page: Page) -> Callable[[], None]:
    """What is measured: all that comes before has been done."""
    from bench.processes import Failed

    address = page.address() if isinstance(page, Sent) else page if isinstance(page, str) else page.address

    def ask() -> None:
        if isinstance(page, Sent):
            answer = client.post(address, page.fields)
        else:
            told = {"Authorization": f"Bearer {page.token}"} if isinstance(page, Rest) else {}
            answer = client.get(address, headers=told)
        if answer.status_code != (302 if isinstance(page, Sent) else 200):
            raise Failed(f"{address} answers {answer.status_code}")

    return ask
