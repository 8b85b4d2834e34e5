"""Beside an automated policy's form: a request through it on an API that it covers, or on a plain one."""

import re
from typing import Any

import pytest

from apis.automated.models import AutomatedPolicy
from apis.testing import jobs, whole
from tests.apis.views.pages import Place, allow, make_place, make_saved_api, text
from tests.apis.views.test_trying import ANN, BASIC, key_of, worker  # noqa: F401  a fixture
from tests.factories import make_automated

pytestmark = pytest.mark.django_db

FILLED = {
    "config.username": "ann",
    "config.password": "secret-1",
    "applies": "all",
    "rule.covers": "all",
    "rule.conflicts": "wins",
}
NEW = f"add/{BASIC}"


def asked(place: Place, path: str, form: dict[str, Any], on: object, **request: str) -> str:
    """The page at once."""
    typed = {f"try.{name}": it for name, it in ({"target": "/1"} | request).items()}
    sent = {**form, **typed, "try.api": str(on)}
    return text(place.client.post(f"/apis/automated/{path}/test", sent))


def verdict_on(place: Place, path: str, form: dict[str, Any], on: object, **request: str) -> str:
    return answered(place, asked(place, path, form, on, **request))


def answered(place: Place, page: str) -> str:
    """What the page shows when a worker is done."""
    key = key_of_automated(page)
    jobs.work(key)
    return text(place.client.get(f"/apis/automated/try/{key}"))


def key_of_automated(page: str) -> str:
    return re.findall(r"/automated/try/([\w-]+)\"", page)[0]


def samples(page: str) -> list[tuple[str, str]]:
    """(value, label) of each that it can be tried on, the chosen one marked with a star."""
    shown = page[page.index('name="try.api"') :]
    shown = shown[: shown.index("</select>")]
    found = re.findall(r'<option value="([^"]*)"( selected)?>([^<]*)<', shown)
    return [(value, f"*{label}" if chosen else label) for value, chosen, label in found]


@pytest.mark.envoy
def test_one_that_is_not_saved_is_tried_among_what_holds_for_an_api_and_below_its_base_path(
    place: Place,
) -> None:
    api = make_saved_api(place)
    allow(place, api, "127.0.0.1")
    make_automated(place.environment, label="of all")

    refused = verdict_on(place, NEW, FILLED, api.pk)
    passed = verdict_on(place, NEW, FILLED, api.pk, headers=f"Authorization: {ANN}", target="/1?a=b")

    assert refused.count("this one") == 1
    assert "401 Unauthorized" in refused
    assert "IP Allowlist" in refused
    assert "IP Blocklist" in refused
    assert "Upstream answered" in passed
    assert "secret-1" not in passed
    assert f"/apis/{api.pk}/tests/add?job=" in passed
    assert list(AutomatedPolicy.objects.values_list("policy", flat=True)) == ["ip-blocklist"]


@pytest.mark.envoy
def test_a_saved_one_is_tried_as_its_form_stands_with_kept_secrets_though_it_is_disabled(
    place: Place,
) -> None:
    api = make_saved_api(place)
    secret = {"config": {"username": "ann"}, "secrets": {"password": "secret-1"}}
    row = make_automated(place.environment, policy=BASIC, is_disabled=True, **secret)
    kept = FILLED | {"config.password": ""}

    passed = verdict_on(place, str(row.pk), kept, api.pk, headers=f"Authorization: {ANN}")
    refused = verdict_on(place, str(row.pk), kept | {"config.username": "bob"}, api.pk)

    assert "Upstream answered" in passed
    assert "Refused" in refused
    row.refresh_from_db()
    assert (row.config["username"], row.is_disabled) == ("ann", True)


@pytest.mark.envoy
def test_an_apis_own_rests_while_the_tried_one_wins(place: Place) -> None:
    api = make_saved_api(place)
    allow(place, api, "10.0.0.1")
    form = {"config.ips": "127.0.0.1", "applies": "all", "rule.covers": "all"}

    wins = verdict_on(place, "add/ip-allowlist", form | {"rule.conflicts": "wins"}, api.pk)
    yields = asked(place, "add/ip-allowlist", form | {"rule.conflicts": "yields"}, api.pk)

    assert "Upstream answered" in wins
    assert "which runs instead" in yields


@pytest.mark.envoy
def test_what_covers_nothing_is_tried_on_a_plain_api_alone(place: Place) -> None:
    rule = {"rule.covers": "some", "rule.tags": "nowhere"}

    refused = verdict_on(place, NEW, FILLED | rule, "")
    passed = verdict_on(place, NEW, FILLED | rule, "plain", headers=f"Authorization: {ANN}")

    assert "this one" in refused
    assert "401 Unauthorized" in refused
    assert "Upstream answered" in passed
    assert "Keep as a test" not in passed


@pytest.mark.envoy
def test_an_expression_sees_the_whole_path(place: Place) -> None:
    api = make_saved_api(place)
    sent = {"try.expression": "#[attributes.requestPath]", "try.target": "/7", "try.api": str(api.pk)}

    page = answered(place, text(place.client.post("/apis/automated/try/evaluate", sent)))

    assert "&quot;/orders/7&quot;" in page


def test_what_it_can_be_tried_on_follows_the_rule(place: Place) -> None:
    draft, live = make_saved_api(place, "Drafts"), make_saved_api(place, "Live", port=8082, deploy=True)
    plain = "A plain API with this policy alone"
    some = FILLED | {"rule.covers": "some", "rule.names": "dr*", "rule.names_are": "wildcard"}

    def follows(form: dict[str, str], chosen: object = "") -> list[tuple[str, str]]:
        sent = form | {"try.api": str(chosen)}
        return samples(text(place.client.post(f"/apis/automated/{NEW}/impact", sent)))

    first = samples(text(place.client.get(f"/apis/automated/{NEW}")))
    both = [(str(draft.pk), str(draft)), (str(live.pk), f"*{live}"), ("plain", plain)]
    assert first == follows(FILLED) == both
    assert follows(FILLED, draft.pk)[0] == (str(draft.pk), f"*{draft}")
    assert follows(FILLED, "plain")[-1] == ("plain", f"*{plain}")
    assert follows(some, live.pk) == [(str(draft.pk), f"*{draft}"), ("plain", plain)]
    assert follows(some | {"rule.names": "none"}) == [("", f"*{plain}")]


def test_an_api_that_is_not_covered_any_more_is_no_sample(place: Place, worker: list[str]) -> None:  # noqa: F811
    api = make_saved_api(place)

    page = asked(place, NEW, FILLED | {"rule.covers": "some", "rule.tags": "public"}, api.pk)

    assert "Orders" in page
    assert "It has no tag public." in page
    assert worker == []


def test_a_form_that_is_not_whole_says_what_lacks(place: Place, worker: list[str]) -> None:  # noqa: F811
    page = asked(place, NEW, {"rule.covers": "all"}, "")

    assert "cannot be tried" in page
    assert "username" in page
    assert worker == []


def test_apis_of_elsewhere_and_rehearsals_of_others_are_not_there(place: Place) -> None:
    sent = {"try.expression": "#[1]", "try.target": "/", "try.api": ""}
    other = make_place()
    theirs = make_saved_api(other)
    key = key_of_automated(text(place.client.post("/apis/automated/try/evaluate", sent)))
    same = make_place(environment=place.environment)
    api = make_saved_api(place)
    own = key_of(text(place.client.post(f"/apis/{api.pk}/rehearsals/evaluate", sent)))

    for on in (theirs.pk, 10**30, "x"):
        refused = place.client.post(f"/apis/automated/{NEW}/test", FILLED | {"try.api": str(on)})
        assert refused.status_code == 404
    assert same.client.get(f"/apis/automated/try/{key}").status_code == 404
    assert place.client.get(f"/apis/automated/try/{own}").status_code == 404


def test_viewers_try_nothing(place: Place) -> None:
    row = make_automated(place.environment)
    viewer = make_place("viewer", place.environment)

    assert "Test this policy" not in text(viewer.client.get(f"/apis/automated/{row.pk}/edit"))
    for path in (f"{NEW}/test", f"{row.pk}/test", "try/evaluate", "try/prepare"):
        assert viewer.client.post(f"/apis/automated/{path}", FILLED).status_code == 403


def test_a_new_one_stands_in_the_place_of_its_order(place: Place) -> None:
    api = make_saved_api(place)
    first, second = (make_automated(place.environment, label=label) for label in ("a", "b"))
    new = AutomatedPolicy(environment=place.environment, policy=BASIC, config={}, order=2)

    found = whole.under(api, new)

    orders = {one["metadata"]["name"]: one["spec"].get("order") for one in found}
    ours = [one.resource_name for one in (first, new, second)]
    assert sorted(ours, key=orders.__getitem__) == ours
    assert len({orders[name] for name in ours}) == 3
