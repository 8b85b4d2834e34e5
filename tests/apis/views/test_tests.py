"""An API's tests: written as a form and as YAML, kept, run on what is saved, taken along."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.utils import timezone

from apis.api_test import ApiTest, ApiTestRun
from apis.changes import tests as change
from apis.changes.instances import delete_api, edit_api
from apis.changes.policies import apply_policy
from apis.changes.removal import restore_api
from apis.models import ApiInstance
from apis.testing import runs
from console.models import AuditEntry
from gateways.protocol import cases
from tests.apis.views.pages import Place, make_place, make_saved_api, text

pytestmark = pytest.mark.django_db
LIMIT = {"rateLimits": [{"maximumRequests": 2, "timePeriodInMilliseconds": 60_000}]}
CASES = """
- name: passes
  target: /42
  headers: {x-secret: of-a-caller}
  answers: {status: 201, body: '{"id": 42}'}
  expect: {outcome: upstream, status: 201, path: /42, bodyContains: '"id"', answer: {x-none: null}}
- name: is limited
  order:
  - {times: 2, expect: {outcome: upstream}}
  - {expect: {refused: rate-limiting, status: 429}}
- name: expects too much
  expect: {status: 201, answer: {x-a: b}}
"""


@pytest.fixture(autouse=True)
def asked(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: object
) -> Iterator[list[object]]:
    """What would go to the workers."""
    from apis.tasks import rehearse, run_tests

    found: list[object] = []
    monkeypatch.setattr(run_tests, "apply_async", lambda args, **_: found.append(args))
    monkeypatch.setattr(rehearse, "apply_async", lambda args, **_: found.append(args))
    yield found
    cache.clear()


@pytest.fixture
def api(place: Place) -> ApiInstance:
    return make_saved_api(place)


def run(place: Place, api: ApiInstance) -> ApiTestRun:
    """Asked for on the page, and worked on."""
    assert place.client.post(f"/apis/{api.pk}/tests/run").status_code == 302
    going = ApiTestRun.objects.get(api=api)
    runs.work(api.pk, str(going.token))
    going.refresh_from_db()
    return going


@pytest.mark.envoy
def test_all_are_run_on_what_is_saved_and_say_what_was_expected_and_what_came(
    place: Place, api: ApiInstance
) -> None:
    apply_policy(place.user, api, "rate-limiting", LIMIT)
    change.replace_tests(place.user, api, cases.read(CASES))

    going = run(place, api)

    passed, limited, failed = api.tests.all()
    assert (passed.state, limited.state, failed.state) == ("passed", "passed", "failed")
    assert (going.state, going.done, going.total, going.told) == ("done", 3, 3, "")
    page = text(place.client.get(f"/apis/{api.pk}/tests"))
    assert "2 passed" in page
    assert "1 failed" in page
    assert "Status: expected <code>201</code>, came <code>200</code>" in page
    assert "Header x-a of the answer: expected <code>b</code>, came <code>nothing</code>" in page


def test_a_run_that_was_asked_for_anew_is_not_worked_on_twice(place: Place, api: ApiInstance) -> None:
    change.replace_tests(place.user, api, cases.read(CASES))
    older = str(runs.start(place.user, api).token)
    newer = str(runs.start(place.user, api).token)

    runs.work(api.pk, older)

    assert ApiTestRun.objects.get(api=api).state == "waiting"
    assert older != newer
    assert not api.tests.exclude(state="new").exists()


def test_what_waits_on_pages_finds_a_worker_whatever_runs(
    place: Place, api: ApiInstance, asked: list[object]
) -> None:
    other = make_saved_api(place, "Other")
    runs.start(place.user, other)
    going = runs.start(place.user, api)
    ApiTestRun.objects.filter(api=other).update(state="running")

    runs.work(api.pk, str(going.token))

    going.refresh_from_db()
    assert going.state == "waiting"
    assert asked[-1] == (api.pk, str(going.token))
    ApiTestRun.objects.filter(api=api).update(asked_at=timezone.now() - timedelta(seconds=601))
    runs.work(api.pk, str(going.token))
    going.refresh_from_db()
    assert (going.state, going.told) == ("done", runs.BUSY)


def test_a_run_ends_in_time_within_a_test_too(place: Place, api: ApiInstance) -> None:
    change.replace_tests(place.user, api, cases.read("{name: slow, times: 100, expect: {outcome: upstream}}"))
    going = runs.start(place.user, api)

    with patch.object(runs, "time") as clock:
        clock.monotonic.side_effect = [0, 1, 2, 3, runs.MOST_SECONDS + 1]
        runs.work(api.pk, str(going.token))

    assert clock.monotonic.call_count == 5
    (test,) = api.tests.all()
    assert (test.state, test.result) == ("broken", {"fault": runs.NOT_ENDED})


def test_progress_is_shown_and_asked_for_again_while_it_goes_on(place: Place, api: ApiInstance) -> None:
    change.replace_tests(place.user, api, cases.read(CASES))
    runs.start(place.user, api)
    ApiTestRun.objects.update(state="running", done=1)

    part = place.client.get(f"/apis/{api.pk}/tests", headers={"HX-Request": "true", "HX-Target": "tests"})

    assert "1 of 3" in text(part)
    assert "every 1s" in text(part)


def test_a_test_is_written_as_a_form(place: Place, api: ApiInstance) -> None:
    form = {
        "case.name": "No credentials",
        "case.method": "POST",
        "case.target": "/42",
        "case.headers": "Accept: text/plain\nX-A: b",
        "case.body": "hello",
        "case.status": "401",
        "case.answer": "www-authenticate: Basic\nx-none:",
    }

    place.client.post(f"/apis/{api.pk}/tests/add", form)

    (test,) = api.tests.all()
    assert test.case["expect"] == {"status": 401, "answer": {"www-authenticate": "Basic", "x-none": None}}
    assert test.case["headers"] == {"Accept": "text/plain", "X-A": "b"}
    page = text(place.client.get(f"/apis/{api.pk}/tests/{test.pk}"))
    assert 'value="401"' in page
    assert "x-none:" in page
    place.client.post(f"/apis/{api.pk}/tests/{test.pk}", {**form, "case.status": "403"})
    test.refresh_from_db()
    assert test.case["expect"]["status"] == 403


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"case.name": "", "case.status": "200"}, "case.name"),
        ({"case.name": "a"}, "case.outcome"),
        ({"case.name": "a", "case.status": "1"}, "case.status"),
        ({"case.name": "a", "case.status": "200", "case.headers": "none"}, "case.headers"),
        ({"case.name": "a", "case.status": "200", "case.answers": "a: ["}, "case.answers"),
        ({"case.name": "a", "case.status": "200", "case.caller": "x"}, "case.caller"),
        ({"case.name": "a", "case.status": "200", "case.target": "a b"}, "case.target"),
        ({"case.name": "a", "case.refused": "rate-limits"}, "case.refused"),
        ({"case.name": "taken", "case.status": "200"}, "case.name"),
        ({"case.name": "a", "case.status": "200", "case.answers": "- " * 8000}, "case.answers"),
    ],
)
def test_what_is_wrong_stands_at_its_field(
    place: Place, api: ApiInstance, form: dict[str, str], field: str
) -> None:
    change.replace_tests(place.user, api, cases.read("{name: taken, expect: {status: 200}}"))

    answer = place.client.post(f"/apis/{api.pk}/tests/add", form)

    assert answer.status_code == 422
    assert f'id="f-{field}_error"' in text(answer)
    assert api.tests.count() == 1


def test_yaml_is_the_same_test_and_says_more_than_the_form(place: Place, api: ApiInstance) -> None:
    address = f"/apis/{api.pk}/tests"
    more = "name: twice\norder:\n- {expect: {status: 200}}\n- {expect: {status: 429}}\n"

    bad = place.client.post(f"{address}/add", {"yaml": "name: a\nexpect: {stauts: 200}"})
    place.client.post(f"{address}/add", {"yaml": more})

    assert bad.status_code == 422
    assert "expect.stauts" in text(bad)
    (test,) = api.tests.all()
    page = text(place.client.get(f"{address}/{test.pk}"))
    assert "more than the form shows" in page
    assert "order:" in page


def test_a_policy_that_is_expected_is_one_of_the_catalog_by_its_own_name(
    place: Place, api: ApiInstance
) -> None:
    address = f"/apis/{api.pk}/tests"
    wanted = "- {name: a, expect: {refused: NAME}}"

    unknown = place.client.post(f"{address}/yaml", {"yaml": wanted.replace("NAME", "rate-limits")})
    place.client.post(f"{address}/yaml", {"yaml": wanted.replace("NAME", "rate-limiting-flex")})

    assert unknown.status_code == 422
    assert "[0].expect.refused: &quot;rate-limits&quot; is not a policy of the catalog" in text(unknown)
    assert api.tests.get().case["expect"] == {"refused": "rate-limiting"}


def test_what_the_database_cannot_hold_is_refused(place: Place, api: ApiInstance) -> None:
    address = f"/apis/{api.pk}/tests/add"

    for wrong in ('name: "a\\0"\nexpect: {status: 200}', 'name: a\nexpect: {error: "\\0"}'):
        assert place.client.post(address, {"yaml": wrong}).status_code == 422
    assert not api.tests.exists()
    assert place.client.post(address, {"yaml": "{name: '\\u0000', expect: {status: 200}}"}).status_code == 302


def test_all_are_taken_along_and_brought_back(place: Place, api: ApiInstance) -> None:
    change.replace_tests(place.user, api, cases.read(CASES))
    api.tests.filter(name="passes").update(state="passed")
    address = f"/apis/{api.pk}/tests/yaml"

    taken = text(place.client.get(f"{address}?download"))
    place.client.post(address, {"yaml": taken.replace("expects too much", "renamed")})

    assert cases.read(taken) == cases.read(CASES)
    assert list(api.tests.values_list("name", "state")) == [
        ("passes", "passed"),
        ("is limited", "new"),
        ("renamed", "new"),
    ]
    assert place.client.post(address, {"yaml": "- nothing"}).status_code == 422
    assert api.tests.count() == 3


def test_their_number_is_bounded(place: Place, api: ApiInstance) -> None:
    many = "".join(f"- {{name: t{at}, expect: {{status: 200}}}}\n" for at in range(cases.MOST_CASES))
    change.replace_tests(place.user, api, cases.read(many))

    more = place.client.post(f"/apis/{api.pk}/tests/add", {"yaml": "{name: more, expect: {status: 200}}"})

    assert more.status_code == 422
    with pytest.raises(cases.NoCases):
        cases.read(f"{many}- {{name: more, expect: {{status: 200}}}}\n")


def test_the_audit_tells_of_them_without_what_callers_send(place: Place, api: ApiInstance) -> None:
    test = change.add_test(place.user, api, cases.read(CASES)[0])
    change.edit_test(place.user, test, cases.read(CASES.replace("201", "202"))[0])
    change.remove_test(place.user, test)

    key = "{name: k, target: '/a?key=of-a-caller', expect: {sent: {authorization: of-a-caller}}}"
    change.add_test(place.user, api, cases.read(key)[0])

    told = str(list(AuditEntry.objects.values()))
    assert "passes" in told
    assert "GET /a?…" in told
    assert "of-a-caller" not in told


def test_viewers_see_what_came_and_neither_change_nor_read_what_is_sent(
    place: Place, api: ApiInstance
) -> None:
    change.replace_tests(place.user, api, cases.read(CASES))
    (test, *_) = api.tests.all()
    differs = {"what": "header x-key", "expected": "of-a-caller", "came": "of-a-caller-too", "step": 0}
    test.state, test.result = "failed", {"differences": [differs], "reason": "it came"}
    test.save()
    viewer = make_place("viewer", place.environment)

    page = text(viewer.client.get(f"/apis/{api.pk}/tests"))

    assert "passes" in page
    assert "Header x-key is not as expected" in page
    assert "of-a-caller" not in page
    assert "of-a-caller-too" in text(place.client.get(f"/apis/{api.pk}/tests"))
    for path in (f"{test.pk}", "add", "yaml"):
        assert viewer.client.get(f"/apis/{api.pk}/tests/{path}").status_code == 403
    assert viewer.client.post(f"/apis/{api.pk}/tests/run").status_code == 403


@pytest.mark.envoy
def test_what_was_tried_beside_a_policy_is_kept_as_a_test(place: Place, api: ApiInstance) -> None:
    import re

    from apis.testing import jobs

    sent = {"config.ips": "10.0.0.1", "applies": "all", "try.target": "/orders/7", "try.headers": "X-A: b"}
    page = text(place.client.post(f"/apis/{api.pk}/policies/add/ip-allowlist/test", sent))
    (key,) = re.findall(r"/rehearsals/([\w-]+)\"", page)
    jobs.work(key)

    assert f"/apis/{api.pk}/tests/add?job={key}" in text(place.client.get(f"/apis/{api.pk}/rehearsals/{key}"))
    begun = text(place.client.get(f"/apis/{api.pk}/tests/add?job={key}"))

    assert 'value="/7"' in begun
    assert "X-A: b" in begun
    assert 'value="ip-allowlist"' in begun
    assert 'value="403"' in begun


def test_they_come_back_with_a_deleted_api(place: Place, api: ApiInstance) -> None:
    change.replace_tests(place.user, api, cases.read(CASES))

    restored = restore_api(place.user, delete_api(place.user, api))

    assert [one.known for one in restored.tests.all()] == list(cases.read(CASES))


def test_what_is_asked_lies_encrypted(place: Place, api: ApiInstance) -> None:
    from django.db import connection

    change.replace_tests(place.user, api, cases.read(CASES))

    with connection.cursor() as cursor:
        cursor.execute(f'SELECT "case" FROM {ApiTest._meta.db_table}')
        assert "of-a-caller" not in str(cursor.fetchall())


@pytest.mark.envoy
def test_a_review_tells_what_came_of_what_is_pending(place: Place) -> None:
    api = make_saved_api(place, deploy=True)
    edit_api(place.user, api, lambda it: replace(it, base_path="/v2"), deploy=False)
    change.replace_tests(place.user, api, cases.read(CASES))

    run(place, api)
    page = text(place.client.get(f"/apis/{api.pk}/review"))
    edit_api(place.user, api, lambda it: replace(it, base_path="/v3"), deploy=False)
    later = text(place.client.get(f"/apis/{api.pk}/review/tests"))

    assert "did not pass" in page and "Not run on what is saved now" not in page
    assert "Not run on what is saved now" in later
