"""Beside a policy's form: an expression's value, the policy as YAML, a request."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.core.cache import cache

from apis.changes.policies import apply_policy
from apis.models import ApiInstance, PolicyBinding
from apis.testing import jobs
from gateways.agent.sources.files import load_text
from tests.apis.views.pages import Place, allow, make_place, make_saved_api, text
from tests.factories import make_tls_context

pytestmark = pytest.mark.django_db
BASIC = "http-basic-authentication"
ANN = "Basic YW5uOnNlY3JldC0x"
FILLED = {"config.username": "ann", "config.password": "secret-1", "applies": "all"}
LIMIT = {
    "config.rateLimits": ["0"],
    "config.rateLimits.0.maximumRequests": "1",
    "config.rateLimits.0.timePeriodInMilliseconds": "60000",
}


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What would go to the workers, by key."""
    from apis.tasks import prepare_rehearsal, rehearse

    asked: list[str] = []
    monkeypatch.setattr(rehearse, "apply_async", lambda args, **_: asked.append(*args))
    monkeypatch.setattr(prepare_rehearsal, "apply_async", lambda **_: asked.append("prepare"))
    yield asked
    cache.clear()


def key_of(page: str) -> str:
    return re.findall(r"/rehearsals/([\w-]+)\"", page)[0]


def answer(place: Place, api: ApiInstance, page: str) -> str:
    """What the page shows when a worker is done."""
    key = key_of(page)
    jobs.work(key)
    return text(place.client.get(f"/apis/{api.pk}/rehearsals/{key}"))


def evaluated(place: Place, api: ApiInstance, expression: str, **more: str) -> str:
    sent = {"try.expression": expression, "try.target": "/orders?a=1", **more}
    page = text(place.client.post(f"/apis/{api.pk}/rehearsals/evaluate", sent))
    return answer(place, api, page) if "hx-get" in page else page


@pytest.mark.envoy
def test_value_of_an_expression_is_what_envoy_makes_of_it(place: Place) -> None:
    api = make_saved_api(place)
    known = {"try.known": '{"authentication": {"principal": "ann"}, "vars": {"roles": ["a", 2]}}'}

    assert "&quot;b &lt;1&gt;&quot;" in evaluated(
        place,
        api,
        "#[attributes.headers['x-a'] ++ ' <' ++ attributes.queryParams.a ++ '>']",
        **{"try.headers": "X-A: b"},
    )
    assert "&quot;ann&quot;" in evaluated(place, api, "#[authentication.principal]", **known)
    assert "null" in evaluated(place, api, "#[vars.roles[2]]", **known)
    assert "division by zero" in evaluated(place, api, "#[1 / 0]")
    moment = {"try.moment": "response", "try.answers": "status: 418"}
    assert ">418<" in evaluated(place, api, "#[attributes.statusCode]", **moment)


@pytest.mark.parametrize(
    ("expression", "more", "said"),
    [
        ("#[attributes.headers[]", {}, "Line 1, column 22: the expression ends too early"),
        ("#['a' ++\n nothing]", {}, "Line 2, column "),
        ("#[1]", {"try.headers": "no header"}, "no header"),
        ("#[1]", {"try.known": "[1]"}, "authentication"),
        ("#[1]", {"try.answers": "a: &a [1]\nb: *a"}, "aliases"),
        ("#[1]", {"try.caller": "nowhere"}, "not an IP address"),
        ("", {}, "Nothing to evaluate yet."),
    ],
)
def test_mistakes_are_told_at_once_and_no_worker_is_asked(
    place: Place, worker: list[str], expression: str, more: dict[str, str], said: str
) -> None:
    assert said in evaluated(place, make_saved_api(place), expression, **more)
    assert worker == []


def test_of_what_is_typed_fast_the_newest_is_worked_on(place: Place) -> None:
    api = make_saved_api(place)
    address = f"/apis/{api.pk}/rehearsals/evaluate"
    older, newer = (key_of(text(place.client.post(address, {"try.expression": f"#[{n}]"}))) for n in (1, 2))

    jobs.work(older)

    assert place.client.get(f"/apis/{api.pk}/rehearsals/{older}").status_code == 404
    assert "Evaluating" in text(place.client.get(f"/apis/{api.pk}/rehearsals/{newer}"))


def test_what_another_tab_asks_at_the_same_moment_takes_the_place_without_an_error(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the answer to the first is written, the second is asked: once that was a 500."""
    from apis.tasks import rehearse

    api = make_saved_api(place)
    address = f"/apis/{api.pk}/rehearsals/evaluate"

    def meanwhile(args: tuple[str], **_: Any) -> None:
        monkeypatch.setattr(rehearse, "apply_async", lambda args, **_: None)
        place.client.post(address, {"try.expression": "#[2]"})

    monkeypatch.setattr(rehearse, "apply_async", meanwhile)
    page = text(place.client.post(address, {"try.expression": "#[1]"}))

    told = place.client.get(f"/apis/{api.pk}/rehearsals/{key_of(page)}", headers={"HX-Request": "true"})
    assert "took its place" in text(told)
    assert "hx-get" not in text(told)


def verdict_on(place: Place, api: ApiInstance, path: str, form: dict[str, Any], **request: str) -> str:
    sent = {**form, "try.target": f"{api.base_path}/1", **{f"try.{name}": it for name, it in request.items()}}
    return answer(place, api, text(place.client.post(f"/apis/{api.pk}/policies/{path}/test", sent)))


@pytest.mark.envoy
def test_a_policy_that_is_not_saved_is_tried_among_those_that_are(place: Place) -> None:
    api = make_saved_api(place)
    allow(place, api, "127.0.0.1")

    refused = verdict_on(place, api, f"add/{BASIC}", FILLED)
    let_through = verdict_on(
        place, api, f"add/{BASIC}", FILLED, headers=f"Authorization: {ANN}", answers="status: 418"
    )
    stopped = verdict_on(place, api, f"add/{BASIC}", FILLED, caller="203.0.113.9")

    assert "Refused" in refused
    assert "this one" in refused
    assert "401 Unauthorized" in refused
    assert "Upstream answered" in let_through
    assert "418" in let_through
    assert "secret-1" not in let_through
    assert "Not reached" in stopped
    assert list(PolicyBinding.objects.values_list("policy", flat=True)) == ["ip-allowlist"]


@pytest.mark.envoy
def test_a_saved_policy_is_tried_as_its_form_stands_with_the_secrets_that_are_kept(place: Place) -> None:
    api = make_saved_api(place)
    kept = apply_policy(place.user, api, BASIC, {"username": "ann", "password": "secret-1"})
    form = {"config.username": "ann", "config.password": "", "applies": "all"}

    passed = verdict_on(place, api, str(kept.pk), form, headers=f"Authorization: {ANN}")
    other = verdict_on(
        place, api, str(kept.pk), {**form, "config.username": "bob"}, headers=f"Authorization: {ANN}"
    )

    assert "Upstream answered" in passed
    assert "Refused" in other
    kept.refresh_from_db()
    assert kept.config["username"] == "ann"


def test_a_form_that_is_not_whole_says_what_lacks_and_is_not_tried(place: Place, worker: list[str]) -> None:
    api = make_saved_api(place)

    page = text(place.client.post(f"/apis/{api.pk}/policies/add/{BASIC}/test", {"try.target": "/"}))

    assert "cannot be tried" in page
    assert "username" in page
    assert worker == []


def shown_yaml(page: str) -> list[dict[str, Any]]:
    import html

    (found,) = re.findall(r"<code data-copied>(.*?)</code>", page, re.DOTALL)
    return list(yaml.safe_load_all(html.unescape(found)))


def test_yaml_follows_the_form_and_local_mode_takes_it(place: Place) -> None:
    api = make_saved_api(place)

    page = text(place.client.post(f"/apis/{api.pk}/policies/add/rate-limiting/yaml", LIMIT))

    (binding,) = shown_yaml(page)
    assert binding["spec"]["policyRef"]["name"] == "rate-limiting"
    assert binding["spec"]["config"]["rateLimits"][0]["maximumRequests"] == 1
    loaded = load_text(yaml.safe_dump(binding))
    assert not loaded.diagnostics
    assert [one.kind for one in loaded.resources] == ["PolicyBinding"]


def test_yaml_names_secrets_and_never_shows_them(place: Place) -> None:
    api = make_saved_api(place)
    kept = apply_policy(place.user, api, BASIC, {"username": "ann", "password": "kept-secret"})
    address = f"/apis/{api.pk}/policies"

    typed = text(place.client.post(f"{address}/add/{BASIC}/yaml", FILLED))
    stored = text(place.client.get(f"{address}/{kept.pk}"))

    assert "secret-1" not in typed
    assert shown_yaml(typed)[0]["spec"]["config"]["password"].startswith("$HTTP_BASIC")
    assert "kept-secret" not in stored
    assert f"$HTTP_BASIC_AUTHENTICATION_{kept.pk}_PASSWORD" in stored


def test_what_lacks_stands_in_the_place_of_the_yaml(place: Place) -> None:
    api = make_saved_api(place)

    page = text(place.client.post(f"/apis/{api.pk}/policies/add/{BASIC}/yaml", {}))

    assert "not whole yet" in page
    assert "username" in page


def test_whose_rehearsal_it_is_alone_sees_it(place: Place) -> None:
    api = make_saved_api(place)
    page = text(place.client.post(f"/apis/{api.pk}/rehearsals/evaluate", {"try.expression": "#[1]"}))
    other = make_place(environment=place.environment)

    assert other.client.get(f"/apis/{api.pk}/rehearsals/{key_of(page)}").status_code == 404
    assert (
        place.client.get(f"/apis/{make_saved_api(place, 'Other').pk}/rehearsals/{key_of(page)}").status_code
        == 404
    )


def test_what_lies_in_valkey_is_sealed(place: Place) -> None:
    api = make_saved_api(place)
    sent = {**FILLED, "try.target": "/orders", "try.headers": "Authorization: plain-to-see"}

    page = text(place.client.post(f"/apis/{api.pk}/policies/add/{BASIC}/test", sent))

    sealed = cache.get(f"rehearsal:{key_of(page)}")
    assert b"secret-1" not in sealed
    assert b"plain-to-see" not in sealed


def test_viewers_try_nothing(place: Place) -> None:
    api = make_saved_api(place)
    kept = allow(place, api)
    viewer = make_place("viewer", place.environment)

    page = text(viewer.client.get(f"/apis/{api.pk}/policies/{kept.pk}"))  # type: ignore[attr-defined]

    assert "Test this policy" not in page
    assert "YAML of Local Mode" in page
    assert viewer.client.post(f"/apis/{api.pk}/rehearsals/evaluate", {}).status_code == 403
    assert viewer.client.post(f"/apis/{api.pk}/policies/add/{BASIC}/test", FILLED).status_code == 403


def test_opening_the_panel_has_a_process_stand_ready(place: Place, worker: list[str]) -> None:
    api = make_saved_api(place)

    assert place.client.post(f"/apis/{api.pk}/rehearsals/prepare").status_code == 204
    assert worker == ["prepare"]


@pytest.mark.envoy
def test_a_policy_on_upstreams_is_tried_too(place: Place) -> None:
    api = make_saved_api(place)
    (upstream,) = api.upstreams.all()
    form = {"config.path": "/health", "upstreams": str(upstream.pk)}

    page = verdict_on(place, api, "add/health-check", form)
    written = text(place.client.post(f"/apis/{api.pk}/policies/add/health-check/yaml", form))

    assert "Upstream answered" in page
    (binding,) = shown_yaml(written)
    assert binding["spec"]["targetRef"]["kind"] == "Service"


@pytest.mark.envoy
def test_what_only_observes_says_what_it_would_refuse(place: Place) -> None:
    page = verdict_on(place, make_saved_api(place), f"add/{BASIC}", {**FILLED, "mode": "observe"})

    assert "Would refuse" in page
    assert "Upstream answered" in page


@pytest.mark.envoy
def test_an_api_that_serves_https_is_tried_with_its_certificate(place: Place) -> None:
    context = make_tls_context(place.environment)
    api = make_saved_api(place, protocol="https", port=8443, tls_context=context)

    assert "401 Unauthorized" in verdict_on(place, api, f"add/{BASIC}", FILLED)


def test_of_each_person_one_of_a_kind_is_kept(place: Place) -> None:
    api = make_saved_api(place)
    address = f"/apis/{api.pk}/rehearsals/evaluate"
    keys = [key_of(text(place.client.post(address, {"try.expression": f"#[{n}]"}))) for n in range(3)]

    assert [cache.get(f"rehearsal:{key}") is None for key in keys] == [True, True, False]
