"""Pages of automated policies: list, order, form with what it covers, coverage; and what APIs' pages show."""

import pytest

from apis.automated.models import AutomatedPolicy
from apis.changes import automated
from apis.changes.automated_check import Applies
from apis.removed import Removed
from console.models import Role
from gateways.models import Deployment
from tests.apis.views.pages import Place, allow, make_place, make_saved_api, text
from tests.factories import make_automated

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    return make_place()


def form(**fields: str) -> dict[str, str]:
    given = {"config.ips": "10.9.9.9", "rule.covers": "all", "rule.conflicts": "wins", "applies": "all"}
    return given | fields


def test_added_by_the_form_and_shown_on_the_api_it_covers(place: Place) -> None:
    api = make_saved_api(place, deploy=True, tags=["public"])
    assert "IP Blocklist" in text(place.client.get("/apis/automated/add"))
    shown = text(place.client.get("/apis/automated/add/ip-blocklist"))
    assert "1 of 1" in shown

    rule = {"rule.covers": "some", "rule.tags": "public\npartner", "rule.gateways": str(place.gateway.pk)}
    answer = place.client.post("/apis/automated/add/ip-blocklist", form(**rule), follow=True)

    policy = AutomatedPolicy.objects.get()
    assert answer.redirect_chain == [(f"/apis/automated/{policy.pk}", 302)]
    assert "it covers 1 API." in text(answer)
    assert (policy.tags, policy.gateways) == (["public", "partner"], [place.gateway.pk])
    for page in (f"/apis/{api.pk}/policies", f"/apis/{api.pk}"):
        assert f'href="/apis/automated/{policy.pk}"' in text(place.client.get(page))
    place.gateway.refresh_from_db()
    Deployment.objects.create(
        gateway=place.gateway, generation=place.gateway.generation, digest="d", resources_count=1
    )
    assert "created automated policy" in text(place.client.get(f"/apis/{api.pk}/deployments"))


def test_tags_in_use_are_offered_beside_the_field(place: Place) -> None:
    make_saved_api(place, tags=["public"])
    page = text(place.client.get("/apis/automated/add/ip-blocklist"))

    assert 'data-add-line="f-rule.tags" data-value="public"' in page
    assert page.index("data-add-line") < page.index("rule.names")


def test_some_apis_and_no_word_on_which_is_refused(place: Place) -> None:
    answer = place.client.post("/apis/automated/add/ip-blocklist", form(**{"rule.covers": "some"}))
    assert answer.status_code == 422
    assert "Say which APIs" in text(answer)
    assert not AutomatedPolicy.objects.exists()


def test_what_the_form_covers_is_told_as_it_is_typed(place: Place) -> None:
    make_saved_api(place, "Orders", deploy=True)
    allow(place, make_saved_api(place, "Stock", port=8082))
    address = "/apis/automated/add/ip-allowlist/impact"

    def told(**fields: str) -> str:
        return " ".join(text(place.client.post(address, form(**fields))).split())

    everything = told()
    assert "2 of 2</b> APIs covered; 1 runs on " in everything
    assert "1 API has this policy of its own" in everything
    assert "Its own rests meanwhile" in everything
    assert "which runs instead" in told(**{"rule.conflicts": "yields"})
    some = {"rule.covers": "some", "rule.names": "ord*", "rule.names_are": "wildcard"}
    assert "1 of 2</b> APIs covered" in told(**some)
    assert "is not an RE2 regular expression" in told(**some | {"rule.names": "(", "rule.names_are": "regex"})
    assert "guards nothing" in told(**some | {"rule.names": "none"})
    assert not AutomatedPolicy.objects.exists()


def test_an_apis_own_that_rests_says_for_which(place: Place) -> None:
    api = make_saved_api(place, deploy=True)
    allow(place, api)
    policy = make_automated(place.environment, policy="ip-allowlist", config={"ips": ["10.0.0.0/8"]})

    page = text(place.client.get(f"/apis/{api.pk}/policies"))
    assert "Resting" in page
    assert "Rests while automated policy" in page

    automated.edit(place.user, policy, applies=Applies(conflicts="yields"))
    page = text(place.client.get(f"/apis/{api.pk}/policies"))
    assert "Resting" not in page
    assert "The API&#x27;s own runs in its place." in page


def test_what_an_automated_policy_gives_is_there_for_an_apis_own(place: Place) -> None:
    api = make_saved_api(place, deploy=True)
    reading = {"inboundHeaders": [{"key": "x-client", "value": "#[authentication.clientId]"}]}
    from apis.changes.policies import apply_policy

    apply_policy(place.user, api, "header-injection", reading)
    page = f"/apis/{api.pk}/policies"
    assert "to which no policy before it gives a value" in text(place.client.get(page))

    make_automated(place.environment, policy="client-id-enforcement", config={})

    assert "to which no policy before it gives a value" not in text(place.client.get(page))


def test_ordered_switched_and_deleted(place: Place) -> None:
    first = make_automated(place.environment)
    second = make_automated(
        place.environment, policy="ip-allowlist", config={"ips": ["10.0.0.1"]}, mode="observe"
    )
    ids = [str(first.pk), str(second.pk)]
    shown = place.client.post("/apis/automated/order", {"ids": ids, "rows": f"down:ids:{first.pk}"})
    assert text(shown).index("IP Allowlist") < text(shown).index("IP Blocklist")
    assert "not applied yet" in text(shown)
    place.client.post("/apis/automated/order", {"ids": ids[::-1], "go": "apply"})
    found = place.environment.automated_policies
    assert list(found.values_list("pk", flat=True)) == [second.pk, first.pk]

    place.client.post(f"/apis/automated/{first.pk}/disable")
    enforced = place.client.post(f"/apis/automated/{second.pk}/enforce", follow=True)
    assert list(found.values_list("is_disabled", "mode")) == [(False, "enforce"), (True, "enforce")]
    assert "Observe again" in text(enforced)
    place.client.post(f"/apis/automated/{second.pk}/enforce", {"mode": "observe"})
    assert found.get(pk=second.pk).mode == "observe"
    assert "Observe again" not in text(place.client.get("/apis/automated"))
    place.client.post(f"/apis/automated/{first.pk}/enable")
    assert not found.filter(is_disabled=True).exists()

    place.client.post(f"/apis/automated/{first.pk}/delete")
    assert list(found.values_list("pk", "order")) == [(second.pk, 1)]

    gone = Removed.objects.get(kind=Removed.Kind.AUTOMATED)
    assert f"/apis/automated/removed/{gone.pk}" in text(place.client.get("/apis/automated"))
    place.client.post(f"/apis/automated/removed/{gone.pk}")
    assert sorted(found.values_list("pk", flat=True)) == sorted([first.pk, second.pk])
    assert place.client.post(f"/apis/automated/removed/{gone.pk}").status_code == 404
    assert "Deleted policies" not in text(place.client.get("/apis/automated"))


def test_coverage_is_filtered(place: Place) -> None:
    make_saved_api(place, "Orders")
    allow(place, make_saved_api(place, "Stock", port=8082))
    policy = make_automated(
        place.environment, policy="ip-allowlist", config={"ips": ["10.0.0.1"]}, names="sto*"
    )
    address = f"/apis/automated/{policy.pk}?coverage="
    part = {"HX-Request": "true", "HX-Target": "coverage"}

    def named(state: str) -> list[str]:
        page = text(place.client.get(address + state, headers=part))
        return [name for name in ("Orders", "Stock") if f">{name}</a>" in page]

    assert [named(state) for state in ("", "covered", "not-covered", "conflict")] == [
        ["Orders", "Stock"],
        ["Stock"],
        ["Orders"],
        ["Stock"],
    ]
    assert "Neither its name nor its label is like sto*." in text(place.client.get(address))


def test_a_viewer_looks_and_may_not_change(place: Place) -> None:
    policy = make_automated(place.environment)
    viewer = make_place(Role.Name.VIEWER, place.environment).client
    page = text(viewer.get("/apis/automated"))
    assert "Add automated policy" not in page
    assert "Move IP Blocklist" not in page
    for address in ("order", "add", "add/ip-blocklist", f"{policy.pk}/disable", f"{policy.pk}/delete"):
        assert viewer.post(f"/apis/automated/{address}").status_code == 403
    assert viewer.get(f"/apis/automated/{policy.pk}/edit").status_code == 200


def test_what_acts_on_upstreams_is_not_offered(place: Place) -> None:
    assert "Idle Timeout" not in text(place.client.get("/apis/automated/add?q=idle")).replace(
        "Stream Idle Timeout", ""
    )
    assert place.client.get("/apis/automated/add/idle-timeout").status_code == 404


def test_what_always_runs_first_stays_in_front(place: Place) -> None:
    cors = make_automated(place.environment, policy="cors", config={"publicResource": True})
    other = make_automated(place.environment)
    ids = [str(other.pk), str(cors.pk)]

    page = text(place.client.get("/apis/automated"))
    shown = place.client.post("/apis/automated/order", {"ids": ids[::-1], "rows": f"up:ids:{other.pk}"})
    done = place.client.post("/apis/automated/order", {"ids": ids, "go": "apply"}, follow=True)

    assert page.count("always first") == 1 and "data-sort-bar hidden" in text(shown)
    assert "CORS always runs first." in text(done)
    order = place.environment.automated_policies.order_by("order")
    assert list(order.values_list("pk", flat=True)) == [cors.pk, other.pk]


def test_an_order_of_numbers_that_are_none_changes_nothing(place: Place) -> None:
    api = make_saved_api(place)
    allow(place, api)
    make_automated(place.environment)
    pages = ("/apis/automated/order", f"/apis/{api.pk}/policies/order")

    for address, said in zip(pages, ("Name each automated policy once", "changed meanwhile"), strict=True):
        assert said in text(place.client.post(address, {"ids": "9" * 5000}, follow=True))
