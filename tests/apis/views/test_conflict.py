"""Two people edit one thing: the second sees what the first saved before it is overwritten."""

import re
from collections.abc import Callable

import pytest

from apis.changes import instances, policies
from apis.changes.tls_contexts import desired_of as tls_draft_of
from apis.changes.tls_contexts import edit_tls_context
from apis.desired import desired_of
from apis.models import ApiInstance, PolicyBinding
from tests.apis.views.pages import Place, allow, make_saved_api, text
from tests.factories import make_tls_context

pytestmark = pytest.mark.django_db
Form = dict[str, object]


def seen(place: Place, address: str) -> str:
    """The version that the page's form shows."""
    found = re.search(r'name="seen" value="(\w+)"', text(place.client.get(address)))
    assert found is not None
    return found[1]


def rows_of(page: str) -> dict[str, tuple[str, str]]:
    """The differences that a page shows: (yours, saved) by field."""
    cells = re.findall(r'<tr><td class="name"><b>(.*?)</b></td><td.*?>(.*?)</td><td.*?>(.*?)</td></tr>', page)
    return {label: (mine, saved) for label, mine, saved in cells}


def second_save(place: Place, address: str, form: Form, meanwhile: Callable[[], object]) -> str:
    """Save a form that was opened before somebody else's change: refused with the page that is returned.
    Sent as that page says, it is saved.
    """
    opened = seen(place, address)
    meanwhile()

    late = place.client.post(address, {**form, "seen": opened})

    assert late.status_code == 409
    assert "Nothing was saved" in text(late)
    assert "Take the saved one" in text(late)
    again = re.search(r'name="seen" value="(\w+)"', text(late))
    assert again is not None
    assert again[1] != opened
    assert place.client.post(address, {**form, "seen": again[1]}).status_code == 302
    return text(late)


def test_the_second_editor_of_a_policy_sees_the_difference(place: Place) -> None:
    api = make_saved_api(place)
    binding = policies.apply_policy(
        place.user,
        api,
        "rate-limiting",
        {"rateLimits": [{"maximumRequests": 1, "timePeriodInMilliseconds": 1000}]},
    )
    theirs = {"rateLimits": [{"maximumRequests": 5, "timePeriodInMilliseconds": 60_000}]}
    form: Form = {
        "config.rateLimits": "0",
        "config.rateLimits.0.maximumRequests": "9",
        "config.rateLimits.0.timePeriodInMilliseconds": "1",
        "config.rateLimits.0.timePeriodInMilliseconds.unit": "s",
        "config.clusterizable": "on",
        "config.blockOnUnknownQuota": "on",
        "applies": "all",
        "label": "",
    }

    page = second_save(
        place,
        f"/apis/{api.pk}/policies/{binding.pk}",
        form,
        lambda: policies.edit_policy(place.user, binding, theirs),
    )

    assert rows_of(page) == {
        "Limit 1: Requests": ("9", "5"),
        "Limit 1: Time period": ("1 seconds", "1 minutes"),
    }
    assert f"{place.user.username} changed this" in page
    assert PolicyBinding.objects.get().config["rateLimits"][0]["maximumRequests"] == 9


def test_a_secret_that_another_changed_is_noticed_and_not_shown(place: Place) -> None:
    api = make_saved_api(place)
    config = {"username": "ann", "password": "first-1"}
    binding = policies.apply_policy(place.user, api, "http-basic-authentication", config)
    address = f"/apis/{api.pk}/policies/{binding.pk}"
    form: Form = {"config.username": "ann", "config.password": "", "applies": "all", "label": ""}

    page = second_save(
        place,
        address,
        form,
        lambda: policies.edit_policy(place.user, binding, config | {"password": "second-2"}),
    )

    assert "a stored secret is another one now" in page
    assert "second-2" not in page
    assert PolicyBinding.objects.get().secrets == {"password": "second-2"}


ROUTES: Form = {
    "protocol": "http",
    "port": "8081",
    "base_path": "/orders",
    "label": "",
    "mode": "simple",
    "uri": "http://mine:8080/",
}


def edited(place: Place, api: ApiInstance, **fields: object) -> Callable[[], object]:
    from dataclasses import replace

    return lambda: instances.edit_api(place.user, api, replace(desired_of(api), **fields))


def test_the_second_editor_of_routes_sees_the_difference(place: Place) -> None:
    api = make_saved_api(place)

    page = second_save(place, f"/apis/{api.pk}/routes", ROUTES, edited(place, api, port=9000, label="eu"))

    assert rows_of(page) == {
        "Port": ("8081", "9000"),
        "Instance label": ("–", "eu"),
        "Upstream URL": ("http://mine:8080/", "http://backend:8080/"),
    }
    api.refresh_from_db()
    assert (api.port, api.upstreams.get().uri) == (8081, "http://mine:8080/")


def test_the_second_editor_of_details_sees_the_difference(place: Place) -> None:
    api = make_saved_api(place)
    form: Form = {"label": "mine", "consumer_endpoint": "", "tags": "a", "description": "Ours"}

    page = second_save(place, f"/apis/{api.pk}/settings", form, edited(place, api, description="Theirs"))

    assert rows_of(page)["Description"] == ("Ours", "Theirs")


def test_routes_and_details_edited_together_are_both_kept(place: Place) -> None:
    api = make_saved_api(place)
    details, routes = (seen(place, f"/apis/{api.pk}/{page}") for page in ("settings", "routes"))
    place.client.post(f"/apis/{api.pk}/routes", {**ROUTES, "seen": routes})

    answer = place.client.post(
        f"/apis/{api.pk}/settings",
        {"label": "", "consumer_endpoint": "", "tags": "a", "description": "Ours", "seen": details},
    )

    assert answer.status_code == 302
    api.refresh_from_db()
    assert (api.description, api.upstreams.get().uri) == ("Ours", "http://mine:8080/")


def test_the_second_editor_of_a_tls_context_sees_the_difference(place: Place) -> None:
    from dataclasses import replace

    context = make_tls_context(place.environment, name="edge")
    form: Form = {
        "name": "edge",
        "source": "own",
        "certificate": context.certificate,
        "min_version": "1.3",
        "max_version": "1.3",
        "http2": "on",
    }

    page = second_save(
        place,
        f"/apis/tls-contexts/{context.pk}/edit",
        form,
        lambda: edit_tls_context(place.user, context, replace(tls_draft_of(context), alpn=("http/1.1",))),
    )

    assert rows_of(page) == {"Oldest version": ("TLS 1.3", "TLS 1.2"), "Offer HTTP/2": ("on", "off")}


def test_an_order_that_another_changed_is_not_overwritten(place: Place) -> None:
    api = make_saved_api(place)
    first, second, third = (allow(place, api, label=label) for label in "abc")
    opened = seen(place, f"/apis/{api.pk}/policies")
    policies.reorder_policies(place.user, api, [third.pk, second.pk, first.pk])  # type: ignore[attr-defined]

    answer = place.client.post(
        f"/apis/{api.pk}/policies/order",
        {"ids": [second.pk, first.pk, third.pk], "go": "apply", "seen": opened},  # type: ignore[attr-defined]
        follow=True,
    )

    assert "The policies changed meanwhile" in text(answer)
    assert [one.label for one in api.policies.all()] == ["c", "b", "a"]


def test_rows_that_are_added_keep_the_version_that_was_opened(place: Place) -> None:
    api = make_saved_api(place)
    address = f"/apis/{api.pk}/routes"
    opened = seen(place, address)
    edited(place, api, port=9000)()

    page = place.client.post(address, {**ROUTES, "mode": "routes", "rows": "add:routes", "seen": opened})

    assert f'name="seen" value="{opened}"' in text(page)
