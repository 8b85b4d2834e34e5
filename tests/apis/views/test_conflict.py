"""Two people edit one thing: the second sees what both made of it, and saves that."""

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from apis.changes import ingress, instances, policies
from apis.changes.tls_contexts import desired_of as tls_draft_of
from apis.changes.tls_contexts import edit_tls_context
from apis.desired import DesiredRoute, DesiredUpstream, desired_of
from apis.models import ApiInstance, PolicyBinding
from tests.apis.views.pages import Place, allow, make_saved_api, text
from tests.factories import make_tls_context
from tests.sending import Sent, sent_by

pytestmark = pytest.mark.django_db


def rows_of(page: str) -> dict[str, tuple[str, ...]]:
    """The differences that a page shows, by field: (before, yours, saved, whose is in the form); of what is
    not merged (yours, saved).
    """
    found = {}
    for label, rest in re.findall(r'<tr><td class="name"><b>(.*?)</b>(.*?)</tr>', page, re.S):
        cells = [re.sub(r"<.*?>", "", one).strip() for one in re.findall(r"<td.*?>(.*?)</td>", rest, re.S)]
        if len(cells) > 2:
            pressed = re.search(r'value="(mine|theirs):[^"]*" formnovalidate aria-pressed="true"', rest)
            cells[3:] = [pressed[1] if pressed else "both"]
        found[unescape(label)] = tuple(map(unescape, cells))
    return found


class Second:
    """Opened a form, and types into it; whoever is first saves meanwhile."""

    def __init__(self, place: Place, address: str, form: str) -> None:
        self.place, self.address, self.form = place, address, form
        self.sent: Sent = sent_by(text(place.client.get(address)), form)
        self.page = ""

    def type(self, **fields: Any) -> "Second":
        for name, value in fields.items():
            self.sent[name.replace("__", ".")] = value if isinstance(value, list) else [value]
        return self

    def send(self, **more: Any) -> int:
        """The page that comes back is what is sent next, if it is not saved."""
        answer = self.place.client.post(self.address, {**self.sent, **more})
        code: int = answer.status_code
        if code != 302:
            self.page = text(answer)
            self.sent = sent_by(self.page, self.form)
        return code

    def take(self, whose: str, name: str) -> None:
        assert f'value="{whose}:{name}"' in self.page
        assert self.send(take=f"{whose}:{name}") == 200


def edited(place: Place, api: ApiInstance, **fields: object) -> None:
    instances.edit_api(place.user, ApiInstance.objects.get(pk=api.pk), lambda one: replace(one, **fields))


def limit(requests: int, milliseconds: int) -> dict[str, Any]:
    return {"rateLimits": [{"maximumRequests": requests, "timePeriodInMilliseconds": milliseconds}]}


class TestPolicy:
    @pytest.fixture
    def binding(self, place: Place) -> PolicyBinding:
        return policies.apply_policy(place.user, make_saved_api(place), "rate-limiting", limit(1, 1000))

    def second(self, place: Place, binding: PolicyBinding) -> Second:
        return Second(place, f"/apis/{binding.api_id}/policies/{binding.pk}", "policy")

    def test_what_only_one_changed_is_merged_and_saved_so(self, place: Place, binding: PolicyBinding) -> None:
        second = self.second(place, binding).type(config__rateLimits__0__maximumRequests="9", label="mine")
        policies.edit_policy(place.user, binding, limit(1, 60_000))

        assert second.send() == 409

        assert "Nothing was saved" in second.page
        assert f"{place.user.username} changed this" in second.page
        assert rows_of(second.page) == {
            "Limit 1: Requests": ("1", "9", "1", "mine"),
            "Limit 1: Time period": ("1 seconds", "1 seconds", "1 minutes", "theirs"),
            "Label": ("–", "mine", "–", "mine"),
        }
        assert second.send() == 302
        saved = PolicyBinding.objects.get()
        assert (saved.config["rateLimits"], saved.label) == (limit(9, 60_000)["rateLimits"], "mine")

    def test_what_both_changed_is_chosen(self, place: Place, binding: PolicyBinding) -> None:
        second = self.second(place, binding).type(config__rateLimits__0__maximumRequests="9")
        policies.edit_policy(place.user, binding, limit(5, 1000))
        second.send()

        assert "both changed it" in second.page
        assert rows_of(second.page) == {"Limit 1: Requests": ("1", "9", "5", "mine")}
        second.take("theirs", "config.rateLimits.0.maximumRequests")
        assert rows_of(second.page)["Limit 1: Requests"] == ("1", "9", "5", "theirs")
        second.take("mine", "config.rateLimits.0.maximumRequests")
        assert rows_of(second.page)["Limit 1: Requests"] == ("1", "9", "5", "mine")
        second.take("theirs", "config.rateLimits.0.maximumRequests")

        assert second.send() == 302
        assert PolicyBinding.objects.get().config == limit(5, 1000) | {
            key: value for key, value in PolicyBinding.objects.get().config.items() if key != "rateLimits"
        }

    def test_a_third_change_during_the_choice_is_not_overwritten(
        self, place: Place, binding: PolicyBinding
    ) -> None:
        second = self.second(place, binding).type(config__rateLimits__0__maximumRequests="9")
        policies.edit_policy(place.user, binding, limit(5, 1000))
        second.send()
        policies.edit_policy(place.user, binding, limit(5, 60_000))
        second.take("mine", "config.rateLimits.0.maximumRequests")

        assert second.send() == 409
        assert rows_of(second.page)["Limit 1: Time period"][3] == "theirs"
        assert second.send() == 302
        assert PolicyBinding.objects.get().config["rateLimits"] == limit(9, 60_000)["rateLimits"]

    def test_what_both_added_to_a_list_is_in_it(self, place: Place) -> None:
        api = make_saved_api(place)
        row = allow(place, api, "10.0.0.1", "10.0.0.2")
        assert isinstance(row, PolicyBinding)
        second = self.second(place, row).type(config__ips="10.0.0.1\r\n10.0.0.2\r\n10.0.0.8")
        policies.edit_policy(place.user, row, {"ips": ["10.0.0.2", "10.0.0.9"]})

        assert second.send() == 409
        assert second.send() == 302
        assert PolicyBinding.objects.get().config["ips"] == ["10.0.0.2", "10.0.0.9", "10.0.0.8"]

    def test_without_what_was_opened_all_that_differs_is_to_be_chosen(
        self, place: Place, binding: PolicyBinding
    ) -> None:
        second = self.second(place, binding).type(base="made-up", config__rateLimits__0__maximumRequests="9")
        policies.edit_policy(place.user, binding, limit(1, 60_000))

        assert second.send() == 409

        found = rows_of(second.page)
        assert found["Limit 1: Time period"] == ("not known", "1 seconds", "1 minutes", "mine")
        assert second.page.count("both changed it") == 2


class TestSecret:
    LOGIN = {"username": "ann", "password": "first-1"}

    def test_one_that_only_another_changed_stays_and_is_not_shown(self, place: Place) -> None:
        binding = policies.apply_policy(
            place.user, make_saved_api(place), "http-basic-authentication", self.LOGIN
        )
        second = Second(place, f"/apis/{binding.api_id}/policies/{binding.pk}", "policy")
        second.type(config__username="eve")
        policies.edit_policy(place.user, binding, self.LOGIN | {"password": "second-2"})

        assert second.send() == 409

        assert rows_of(second.page)["Password"] == (
            "as stored",
            "as stored",
            "another one, not shown",
            "theirs",
        )
        assert "second-2" not in second.page and "first-1" not in second.page
        assert second.send() == 302
        saved = PolicyBinding.objects.get()
        assert (saved.config["username"], saved.secrets) == ("eve", {"password": "second-2"})

    def test_one_that_both_changed_is_chosen(self, place: Place) -> None:
        binding = policies.apply_policy(
            place.user, make_saved_api(place), "http-basic-authentication", self.LOGIN
        )
        second = Second(place, f"/apis/{binding.api_id}/policies/{binding.pk}", "policy")
        second.type(config__password="typed-3")
        policies.edit_policy(place.user, binding, self.LOGIN | {"password": "second-2"})

        assert second.send() == 409

        assert rows_of(second.page)["Password"][1:3] == ("a new value, not shown", "another one, not shown")
        assert "typed-3" not in "".join(second.sent["was"] + second.sent["base"])
        second.take("theirs", "config.password")
        assert second.send() == 302
        assert PolicyBinding.objects.get().secrets == {"password": "second-2"}


class TestRoutes:
    def second(self, place: Place, api: ApiInstance) -> Second:
        return Second(place, f"/apis/{api.pk}/routes", "routes")

    def test_they_are_merged(self, place: Place) -> None:
        api = make_saved_api(place)
        second = self.second(place, api).type(uri="http://mine:8080/")
        edited(place, api, port=9000, label="eu")

        assert second.send() == 409

        assert rows_of(second.page) == {
            "Port": ("8081", "8081", "9000", "theirs"),
            "Instance label": ("–", "–", "eu", "theirs"),
            "Upstream URL": (
                "http://backend:8080/",
                "http://mine:8080/",
                "http://backend:8080/",
                "mine",
            ),
        }
        assert second.send() == 302
        api.refresh_from_db()
        assert (api.port, api.label, api.upstreams.get().uri) == (9000, "eu", "http://mine:8080/")

    def test_rows_that_both_have_are_merged_field_by_field(self, place: Place) -> None:
        routes = [
            DesiredRoute(path="/a(/.*)", upstreams=[DesiredUpstream("http://a:1/")]),
            DesiredRoute(upstreams=[DesiredUpstream("http://b:1/")]),
        ]
        api = make_saved_api(place, routes=routes)
        second = self.second(place, api).type(routes__0__path="/mine(/.*)")
        theirs = list(desired_of(api).routes)
        theirs[0] = replace(theirs[0], methods="GET")
        edited(place, api, routes=theirs)

        assert second.send() == 409

        found = rows_of(second.page)
        assert found["Route 1: Path"][3] == "mine"
        assert found["Route 1: Methods"] == ("–", "–", "GET", "theirs")
        assert second.send() == 302
        saved = desired_of(ApiInstance.objects.get()).routes
        assert [(one.path, one.methods) for one in saved] == [("/mine(/.*)", "GET"), ("", "")]

    def test_a_route_that_one_added_stays_beside_what_the_other_changed(self, place: Place) -> None:
        last = DesiredRoute(upstreams=[DesiredUpstream("http://b:1/")])
        first = DesiredRoute(path="/a(/.*)", upstreams=[DesiredUpstream("http://a:1/")])
        api = make_saved_api(place, routes=[first, last])
        second = self.second(place, api).type(routes__1__label="rest")
        added = DesiredRoute(path="/new(/.*)", upstreams=[DesiredUpstream("http://c:1/")])
        edited(place, api, routes=[added, *desired_of(api).routes])

        assert second.send() == 409
        assert second.send() == 302
        saved = desired_of(ApiInstance.objects.get()).routes
        assert [(one.path, one.label) for one in saved] == [
            ("/new(/.*)", ""),
            ("/a(/.*)", ""),
            ("", "rest"),
        ]

    def test_rows_that_are_added_keep_what_was_opened(self, place: Place) -> None:
        api = make_saved_api(place)
        second = self.second(place, api)
        kept = second.sent["seen"], second.sent["base"]
        edited(place, api, port=9000)

        assert second.type(mode="routes").send(rows="add:routes") == 200

        assert (second.sent["seen"], second.sent["base"]) == kept


class TestDetails:
    def second(self, place: Place, api: ApiInstance) -> Second:
        return Second(place, f"/apis/{api.pk}/settings", "details")

    def test_what_both_wrote_is_chosen_and_the_rest_is_merged(self, place: Place) -> None:
        api = make_saved_api(place)
        second = self.second(place, api).type(description="Ours", tags="a")
        edited(place, api, description="Theirs", consumer_endpoint="https://x.example.com")

        assert second.send() == 409

        found = rows_of(second.page)
        assert found["Description"] == ("–", "Ours", "Theirs", "mine")
        assert found["Consumer endpoint"][3] == "theirs"
        second.take("theirs", "description")
        assert second.send() == 302
        api.refresh_from_db()
        assert (api.description, api.tags) == ("Theirs", ["a"])
        assert api.consumer_endpoint == "https://x.example.com"

    def test_what_was_typed_after_the_choice_counts(self, place: Place) -> None:
        api = make_saved_api(place)
        second = self.second(place, api).type(description="Ours")
        edited(place, api, description="Theirs")
        second.send()
        second.type(description="Both of us")

        assert second.send() == 302
        api.refresh_from_db()
        assert api.description == "Both of us"

    def test_routes_and_details_edited_together_are_both_kept(self, place: Place) -> None:
        api = make_saved_api(place)
        details = self.second(place, api).type(description="Ours", tags="a")
        routes = Second(place, f"/apis/{api.pk}/routes", "routes").type(uri="http://mine:8080/")

        assert routes.send() == 302
        assert details.send() == 302
        api.refresh_from_db()
        assert (api.description, api.upstreams.get().uri) == ("Ours", "http://mine:8080/")

    def test_markup_in_what_another_wrote_is_text(self, place: Place) -> None:
        api = make_saved_api(place)
        second = self.second(place, api).type(description="Ours")
        edited(place, api, description="<script>alert(1)</script>")

        second.send()

        assert "<script>alert(1)" not in second.page


class TestIngress:
    def test_it_is_merged(self, place: Place) -> None:
        second = Second(place, f"/gateways/{place.gateway.pk}/ingress", "ingress")
        second.type(config__slashes="refuse", config__networks="10.0.0.0/8")
        ingress.change(place.user, place.gateway, {"networks": ["192.168.0.0/16"], "hops": 1})

        assert second.send() == 409
        assert rows_of(second.page)["Number of proxies"][3] == "theirs"
        assert second.send() == 302
        assert ingress.of(type(place.gateway).objects.get(pk=place.gateway.pk)) == {
            "networks": ["192.168.0.0/16", "10.0.0.0/8"],
            "hops": 1,
            "usesProxyProtocol": False,
            "slashes": "refuse",
        }


@pytest.mark.parametrize("field", ["was", "base", "take"])
@pytest.mark.parametrize("value", ["", "x", "theirs:", "theirs:__class__.x", "mine:tags.0.0", "ä" * 3000])
def test_what_nobody_made_is_no_fault_of_ours(place: Place, field: str, value: str) -> None:
    api = make_saved_api(place)
    second = Second(place, f"/apis/{api.pk}/settings", "details").type(description="Ours")
    edited(place, api, description="Theirs")
    second.send()

    assert second.send(**{"take": "theirs:description", field: value}) == 200


def test_the_second_editor_of_a_tls_context_sees_the_difference(place: Place) -> None:
    context = make_tls_context(place.environment, name="edge")
    address = f"/apis/tls-contexts/{context.pk}/edit"
    opened = re.search(r'name="seen" value="(\w+)"', text(place.client.get(address)))
    assert opened is not None
    form = {
        "name": "edge",
        "source": "own",
        "certificate": context.certificate,
        "min_version": "1.3",
        "max_version": "1.3",
        "http2": "on",
    }
    edit_tls_context(place.user, context, replace(tls_draft_of(context), alpn=("http/1.1",)))

    late = place.client.post(address, {**form, "seen": opened[1]})

    assert late.status_code == 409
    assert rows_of(text(late)) == {"Oldest version": ("TLS 1.3", "TLS 1.2"), "Offer HTTP/2": ("on", "off")}
    again = re.search(r'name="seen" value="(\w+)"', text(late))
    assert again is not None
    assert place.client.post(address, {**form, "seen": again[1]}).status_code == 302


def test_an_order_that_another_changed_is_not_overwritten(place: Place) -> None:
    api = make_saved_api(place)
    rows = [allow(place, api, label=label) for label in "abc"]
    first, second, third = (row.pk for row in rows if isinstance(row, PolicyBinding))
    opened = re.search(r'name="seen" value="(\w+)"', text(place.client.get(f"/apis/{api.pk}/policies")))
    assert opened is not None
    policies.reorder_policies(place.user, api, [third, second, first])

    answer = place.client.post(
        f"/apis/{api.pk}/policies/order",
        {"ids": [second, first, third], "go": "apply", "seen": opened[1]},
        follow=True,
    )

    assert "The policies changed meanwhile" in text(answer)
    assert [one.label for one in api.policies.all()] == ["c", "b", "a"]
