"""REST: an API's tests are added, changed, run and removed."""

from collections.abc import Iterator

import pytest

from apis.api_test import ApiTestRun
from apis.testing import runs
from console.models import Environment
from gateways.models import Gateway
from tests.apis.views.pages import make_place, make_saved_api
from tests.factories import make_api, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db
CASE = {"name": "open", "target": "/42", "headers": {"x-key": "of-a-caller"}, "expect": {"status": 200}}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    from apis.tasks import run_tests

    found: list[object] = []
    monkeypatch.setattr(run_tests, "apply_async", lambda args, **_: found.append(args))
    return found


def test_a_test_is_added_changed_and_removed(rest: Rest, gateway: Gateway) -> None:
    api = make_api(gateway)

    made = rest("POST", f"AM/{api.pk}/tests", CASE)
    one = f"AM/{api.pk}/tests/{made.data['id']}"
    changed = rest("PUT", one, {**CASE, "expect": {"status": 204}})
    listed = rest("GET", f"AM/{api.pk}/tests")

    assert (made.status_code, made.data["state"], made.data["case"]) == (201, "new", CASE)
    assert changed.data["case"]["expect"] == {"status": 204}
    assert [one["name"] for one in listed.data] == ["open"]
    assert "of-a-caller" not in listed.content.decode()
    assert rest("GET", one).data["case"]["headers"] == {"x-key": "of-a-caller"}
    assert rest("DELETE", one).status_code == 204
    assert rest("GET", one).status_code == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "a"}, "expect"),
        ([], "test"),
        ({**CASE, "nothing": 1}, "nothing"),
        ({**CASE, "target": "a b"}, "target"),
        ({**CASE, "expect": {"refused": "rate-limits"}}, "rate-limits"),
    ],
)
def test_what_is_no_test_is_refused(rest: Rest, gateway: Gateway, body: object, said: str) -> None:
    answer = rest("POST", f"AM/{make_api(gateway).pk}/tests", body)

    assert answer.status_code == 400
    assert said in answer.data["message"]


def test_two_of_one_name_are_a_conflict(rest: Rest, gateway: Gateway) -> None:
    api = make_api(gateway)
    rest("POST", f"AM/{api.pk}/tests", CASE)

    assert rest("POST", f"AM/{api.pk}/tests", CASE).status_code == 409


@pytest.mark.envoy
def test_all_are_run(asked: list[object]) -> None:
    place = make_place()
    api, rest = make_saved_api(place), Rest(place.user, place.environment)
    rest("POST", f"AM/{api.pk}/tests", CASE)
    never = rest("GET", f"AM/{api.pk}/test-run")

    begun = rest("POST", f"AM/{api.pk}/test-run")
    runs.work(api.pk, str(ApiTestRun.objects.get().token))

    assert never.status_code == 404
    assert (begun.status_code, begun.data["state"], begun.data["total"]) == (202, "waiting", 1)
    assert rest("GET", f"AM/{api.pk}/test-run").data["done"] == 1
    (told,) = rest("GET", f"AM/{api.pk}/tests").data
    assert (told["state"], told["result"]["outcome"]) == ("passed", "upstream")


def test_viewers_read_results_alone(gateway: Gateway, environment: Environment, rest: Rest) -> None:
    api, viewer = make_api(gateway), make_user()
    make_role(viewer, environment.organization, "viewer")
    made = rest("POST", f"AM/{api.pk}/tests", CASE)
    theirs = Rest(viewer, environment)
    differs = {"what": "header x-key", "expected": "of-a-caller", "came": "nothing", "step": 0}
    test = api.tests.get()
    test.result = {"differences": [differs]}
    test.save()

    (read,) = theirs("GET", f"AM/{api.pk}/tests").data
    assert read["result"]["differences"] == [{**differs, "expected": "", "came": ""}]
    assert rest("GET", f"AM/{api.pk}/tests").data[0]["result"]["differences"] == [differs]
    assert theirs("GET", f"AM/{api.pk}/tests/{made.data['id']}").status_code == 403
    assert theirs("POST", f"AM/{api.pk}/tests", CASE).status_code == 403
    assert theirs("POST", f"AM/{api.pk}/test-run").status_code == 403
