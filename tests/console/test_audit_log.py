"""The audit log: whom it finds, what is told of logins, the file, how long it is kept."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from console import login_attempts
from console.audit_log import csv_file, filtering, retention
from console.audit_log.models import Retention
from console.models import AuditEntry, Environment, Role, User
from console.pages.administration import audit
from tests.console.conftest import LogIn
from tests.factories import make_environment, make_organization, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db
PATH = "/administration/audit"


@pytest.fixture(autouse=True)
def no_attempts() -> Any:
    cache.clear()
    yield
    cache.clear()


def make_entry(environment: Environment, name: str = "alpha", **fields: Any) -> AuditEntry:
    given = {
        "actor_name": "grace",
        "organization": environment.organization,
        "environment": environment,
        "action": "update",
        "object_type": "gateway",
        "object_id": name,
        "object_name": name,
        "diff": {"name": ["a", "b"]},
    }
    return AuditEntry.objects.create(**{**given, **fields})


def text(answer: Any) -> str:
    return str(answer.content.decode())


def names(page: str) -> list[str]:
    found = page[page.index('id="entries"') :]
    return [name for name in ("alpha", "bravo", "charlie") if name in found]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("who=grace", ["alpha", "bravo"]),
        ("who=gra", []),
        ("who=ada", ["charlie"]),
        ("from=2026-03-02&to=2026-03-02", ["bravo"]),
        ("to=2026-03-01", ["alpha"]),
        ("from=nonsense", ["alpha", "bravo", "charlie"]),
        ("about=gateway:bravo", ["bravo", "charlie"]),
        ("action=failed", []),
        ("type=policybinding", ["charlie"]),
    ],
)
def test_the_address_says_which_entries(
    admin: Client, environment: Environment, query: str, found: list[str]
) -> None:
    make_entry(environment, "alpha", at=datetime(2026, 3, 1, 12, tzinfo=UTC))
    make_entry(
        environment, "bravo", at=datetime(2026, 3, 2, 23, 59, tzinfo=UTC), actor_name="grace by pipeline"
    )
    of = {"object_type": "policybinding", "of_type": "gateway", "of_id": "bravo"}
    make_entry(environment, "charlie", at=datetime(2026, 3, 3, tzinfo=UTC), actor_name="ada", **of)

    assert names(text(admin.get(f"{PATH}?{query}"))) == found


def test_a_name_that_begins_with_its_noun_is_told_once(admin: Client, environment: Environment) -> None:
    make_entry(environment, "invitation of ann@example.com", object_type="invitation")
    make_entry(environment, "alpha")

    page = " ".join(text(admin.get(PATH)).split())

    assert "changed <b>invitation of ann@example.com</b>" in page and "changed gateway <b>alpha</b>" in page


def test_a_place_can_be_chosen(admin: Client, environment: Environment) -> None:
    other = make_environment(environment.organization)
    make_entry(environment, "alpha")
    make_entry(other, "bravo")

    assert names(text(admin.get(f"{PATH}?where={other.pk}"))) == ["bravo"]
    assert names(text(admin.get(f"{PATH}?where={environment.organization_id}"))) == ["alpha", "bravo"]
    assert names(text(admin.get(f"{PATH}?where={make_environment().pk}"))) == []


def test_who_holds_a_role_in_one_environment_sees_that_alone(environment: Environment, log_in: LogIn) -> None:
    user = make_user()
    make_role(user, environment.organization, Role.Name.VIEWER, environment=environment)
    make_entry(environment, "alpha")
    make_entry(make_environment(environment.organization), "bravo")
    make_entry(make_environment(), "charlie")
    entry = make_entry(environment, "bravo")
    AuditEntry.objects.filter(pk=entry.pk).update(environment=None)

    assert names(text(log_in(user).get(PATH))) == ["alpha"]


def test_older_entries_are_reached_behind_what_is_counted(
    admin: Client, environment: Environment, monkeypatch: Any
) -> None:
    monkeypatch.setattr(audit, "COUNTED", 100)
    now = timezone.now()
    AuditEntry.objects.bulk_create(
        AuditEntry(
            actor_name="a",
            organization=environment.organization,
            action="create",
            object_type="gateway",
            object_id=f"row{number:03}",
            object_name=f"row{number:03}",
            at=now - timedelta(seconds=number // 3),
        )
        for number in range(130)
    )

    last = text(admin.get(f"{PATH}?page=2"))
    assert "100+ entries" in last
    older = last.split('href="' + PATH + "?before=")[1].split('"')[0]
    page = text(admin.get(f"{PATH}?before={older}"))

    shown = {f"row{number:03}" for number in range(130) if f"row{number:03}" in page}
    first = text(admin.get(PATH))
    whole = {f"row{number:03}" for number in range(130) if f"row{number:03}" in first + last} | shown
    assert len(shown) == 30 and len(whole) == 130


@pytest.mark.parametrize("before", ["x", "1_", "9" * 30 + "_1", "1_2_3", "-1_2"])
def test_a_cursor_of_nobody_leads_back(admin: Client, before: str) -> None:
    assert admin.get(PATH, {"before": before}).status_code == 302


def test_a_login_is_told_and_so_is_a_failed_one(environment: Environment, admin: Client) -> None:
    grace = make_user("grace", password="right")
    make_role(grace, environment.organization, Role.Name.VIEWER)

    for password in ("wrong", "right"):
        Client().post("/login", {"username": "grace", "password": password}, headers={"user-agent": "Lynx"})

    failed, right = AuditEntry.objects.order_by("pk")
    assert (failed.failed, failed.actor, failed.actor_name, failed.object_name) == (
        True,
        None,
        "somebody",
        "grace",
    )
    assert (right.failed, right.actor, right.organization) == (False, grace, environment.organization)
    assert right.diff == {"address": [None, "127.0.0.1"], "browser": [None, "Lynx"]}
    page = text(admin.get(f"{PATH}?action=failed"))
    assert "failed to log in as user" in page and "logged in as user" not in page
    assert "logged in as" not in text(admin.get(f"/administration/users/{grace.pk}"))


def test_what_was_typed_as_a_name_is_not_kept(environment: Environment) -> None:
    Client().post("/login", {"username": "my password", "password": "x"})

    entry = AuditEntry.objects.get()
    assert (entry.object_name, entry.object_id, entry.organization) == ("an unknown name", "", None)
    assert "my password" not in str(AuditEntry.objects.values())


def test_who_has_to_wait_fills_no_log(environment: Environment) -> None:
    for _ in range(login_attempts.MOST_FOR_NAME + 5):
        Client().post("/login", {"username": "grace", "password": "x"})

    assert AuditEntry.objects.count() <= login_attempts.MOST_FOR_NAME


def test_a_login_by_rest_is_told(environment: Environment) -> None:
    grace = make_user("grace", password="right")
    for password in ("wrong", "right"):
        Client().post(
            "/accounts/login", {"username": "grace", "password": password}, content_type="application/json"
        )

    assert list(AuditEntry.objects.order_by("pk").values_list("failed", flat=True)) == [True, False]
    assert AuditEntry.objects.filter(actor=grace).count() == 1


def test_the_file_holds_what_the_page_shows(admin: Client, environment: Environment) -> None:
    diff = {"url": ["@a", "-b"], "on": [True, None], "to": [None, ""]}
    make_entry(environment, "alpha", object_name="=HYPERLINK(1)", diff=diff)
    make_entry(environment, "bravo", action="delete")
    make_entry(make_environment(), "charlie")

    answer = admin.get(f"{PATH}/export?action=update")

    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode())))  # type: ignore[arg-type]
    assert answer["Content-Type"].startswith("text/csv")
    assert [row["name"] for row in rows] == ["'=HYPERLINK(1)"]
    assert rows[0]["differences"] == "on: true → none; url: @a → -b"
    assert rows[0]["environment"] == "Sandbox"


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert csv_file.harmless(cell) == f"'{cell}"


def test_the_file_is_bounded(environment: Environment, monkeypatch: Any) -> None:
    monkeypatch.setattr(csv_file, "MOST_ROWS", 2)
    for _ in range(3):
        make_entry(environment)

    answer = csv_file.answer(filtering.beyond(AuditEntry.objects.all(), ""))

    assert len(list(answer)) == 3  # with its head


def test_entries_are_kept_as_long_as_was_said(
    environment: Environment, administrator: User, settings: Any
) -> None:
    settings.AUDIT_KEEP_DAYS = 100
    other = make_environment()
    below = make_environment(make_organization(parent=environment.organization))
    now = timezone.now()
    for place in (environment, other, below):
        for days in (20, 50, 150):
            make_entry(place, f"{days}", at=now - timedelta(days=days))
    Retention.objects.create(organization=environment.organization, days=30)

    retention.forget()

    left = {
        place: sorted(AuditEntry.objects.filter(environment=place).values_list("object_id", flat=True))
        for place in (environment, other, below)
    }
    assert left == {environment: ["20"], other: ["20", "50"], below: ["20"]}


def test_a_shorter_time_counts_from_a_week_on(admin: Client, environment: Environment) -> None:
    assert admin.post(f"{PATH}/retention", {"days": "29"}).status_code == 422

    assert admin.post(f"{PATH}/retention", {"days": "60"}).status_code == 302

    row = Retention.objects.get()
    assert row.days == 60
    assert row.effective_from > timezone.now() + timedelta(days=6)
    assert retention.days_of(environment.organization) == 365
    assert "they are kept for 60 days" in text(admin.get(f"{PATH}/retention"))
    assert AuditEntry.objects.get(object_type="organization").diff["audit_kept_days"] == [365, 60]


def test_a_manager_does_not_choose_how_long(environment: Environment, log_in: LogIn) -> None:
    manager = make_user()
    make_role(manager, environment.organization, Role.Name.MANAGER)

    assert log_in(manager).post(f"{PATH}/retention", {"days": "60"}).status_code == 403
    assert not Retention.objects.exists()


@pytest.fixture
def rest(administrator: User) -> Rest:
    return Rest(administrator)


def query(rest: Rest, environment: Environment, parameters: str = "", **body: Any) -> Any:
    path = f"/audit/v2/organizations/{environment.organization_id}/query{parameters}"
    return rest("POST", path, {"startDate": "2026-01-01T00:00:00Z", **body})


def test_rest_finds_entries_as_anypoint_does(rest: Rest, environment: Environment) -> None:
    entry = make_entry(environment, "alpha", at=datetime(2026, 3, 1, tzinfo=UTC))
    make_entry(environment, "bravo", at=datetime(2025, 3, 1, tzinfo=UTC))
    make_entry(make_environment(), "charlie", at=datetime(2026, 3, 1, tzinfo=UTC))

    body = query(rest, environment, objectTypes=["gateway"], actions=["update"]).json()

    assert body["total"] == 1
    assert body["data"][0] == {
        "id": str(entry.pk),
        "timestamp": "2026-03-01T00:00:00.000Z",
        "organizationId": str(environment.organization_id),
        "environmentId": str(environment.pk),
        "platform": "Runtime Manager",
        "action": "update",
        "failed": False,
        "subject": {"id": None, "name": "grace"},
        "objects": [
            {
                "objectId": "alpha",
                "objectName": "alpha",
                "objectType": "gateway",
                "parentId": None,
                "parentType": None,
                "environmentId": str(environment.pk),
                "environmentName": "Sandbox",
            }
        ],
        "payload": {"properties": {"name": ["a", "b"]}},
    }


@pytest.mark.parametrize("ascending", [True, False])
def test_rest_goes_on_by_cursor(rest: Rest, environment: Environment, ascending: bool) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    for number in range(7):
        make_entry(environment, f"{number}", at=at + timedelta(seconds=number // 3))
    found: list[str] = []
    more: dict[str, Any] = {}
    while True:
        body = query(rest, environment, "?cursorPagination=true", limit=3, ascending=ascending, **more).json()
        assert "total" not in body
        if not body["data"]:
            break
        found += [one["objects"][0]["objectId"] for one in body["data"]]
        more = {"cursor": body["cursor"]}

    assert found == sorted("0123456", reverse=not ascending)


@pytest.mark.parametrize(
    "body",
    [
        {"startDate": "yesterday"},
        {"limit": 201},
        {"offset": 100_001},
        {"cursor": "x"},
        {"actions": ["sing"]},
        {"userIds": ["x"]},
        {"gossip": 1},
        {"startDate": 10**400},
        {"startDate": True},
    ],
)
def test_rest_refuses_what_means_nothing(rest: Rest, environment: Environment, body: dict[str, Any]) -> None:
    assert query(rest, environment, "?cursorPagination=true", **body).status_code == 400


def test_rest_takes_milliseconds(rest: Rest, environment: Environment) -> None:
    make_entry(environment, at=datetime(2026, 3, 1, tzinfo=UTC))

    assert query(rest, environment, startDate=1772323200000).json()["total"] == 1
    assert query(rest, environment, startDate=1772323200001).json()["total"] == 0


def test_rest_has_lists_and_retention(rest: Rest, environment: Environment) -> None:
    make_entry(environment)
    start = f"/audit/v2/organizations/{environment.organization_id}"

    assert rest("GET", f"{start}/objectTypes").json()["data"] == [
        {"name": "gateway", "platforms": ["Runtime Manager"]}
    ]
    assert {one["name"] for one in rest("GET", f"{start}/actions").json()["data"]} >= {"create", "login"}
    assert rest("GET", f"{start}/platforms").json()["total"] == 3
    assert rest("GET", f"{start}/retentionSettings").json() == {
        "data": [{"retentionPeriod": 365, "effectiveFrom": None}]
    }
    put = rest("PUT", f"{start}/retentionSettings", {"retentionPeriod": 90})
    assert [one["retentionPeriod"] for one in put.json()["data"]] == [365, 90]
    soon = {"retentionPeriod": 90, "effectiveFrom": timezone.now().isoformat()}
    assert rest("PUT", f"{start}/retentionSettings", soon).status_code == 400


def test_rest_gives_the_same_as_csv(rest: Rest, environment: Environment) -> None:
    make_entry(environment, "alpha")
    path = f"/audit/v2/organizations/{environment.organization_id}/query.csv"

    answer = Client().post(
        path, {"startDate": "2020-01-01T00:00:00Z"}, content_type="application/json", headers=rest.headers
    )

    assert b"alpha" in b"".join(answer)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ALPH", ["alpha"]),
        ("%", []),
        ("_", []),
        ("grace", ["alpha", "bravo"]),
        ("bravo", ["bravo"]),
        ("\\", []),
    ],
)
def test_a_word_is_looked_for_as_it_is(
    admin: Client, environment: Environment, text: str, found: list[str]
) -> None:
    make_entry(environment, "alpha")
    make_entry(environment, "bravo")

    assert names(admin.get(PATH, {"q": text}).content.decode()) == found
