"""The lane of an API's policies: order, disable, remove, undo; and the catalog."""

import re

import pytest

from apis.changes.policies import apply_policy
from apis.models import PolicyBinding
from console.models import Role
from policies import catalog
from tests.apis.views.pages import Place, allow, make_place, make_saved_api, text
from tests.factories import make_automated

pytestmark = pytest.mark.django_db

BASIC = "http-basic-authentication"
SPIKES = {
    "maximumRequests": 5,
    "timePeriodInMilliseconds": 1000,
    "delayTimeInMillis": 100,
    "delayAttempts": 1,
    "queuingLimit": 2,
}


def test_lane_shows_policies_in_request_order(place: Place) -> None:
    api = make_saved_api(place)
    allow(place, api, "10.0.0.1", label="inner")
    allow(place, api, "10.0.0.2", label="outer", order=1)

    page = text(place.client.get(f"/apis/{api.pk}/policies"))

    assert page.index("outer") < page.index("inner")
    assert "10.0.0.1" in page


def test_the_way_back_passes_what_acts_on_responses_alone(place: Place) -> None:
    api = make_saved_api(place)
    limits = {"rateLimits": [{"maximumRequests": 3, "timePeriodInMilliseconds": 60000}]}
    allow(place, api)
    apply_policy(place.user, api, "rate-limiting", limits)
    apply_policy(place.user, api, "spike-control", SPIKES | {"exposeHeaders": True})
    header = {"outboundHeaders": [{"key": "X-By", "value": "us"}]}
    make_automated(place.environment, policy="header-injection", config=header)

    page = text(place.client.get(f"/apis/{api.pk}/policies"))

    _, request, response = re.split(r">(?:Request|Response)</span>", page)
    ways = [
        re.findall(r'<span class="tag">([^<]+)</span>', way.partition("</p>")[0])
        for way in (request, response)
    ]
    assert ways == [
        ["Header Injection", "IP Allowlist", "Rate Limiting", "Spike Control"],
        ["Spike Control", "Header Injection"],
    ]


def test_catalog_is_searched_and_browsed(place: Place) -> None:
    api = make_saved_api(place)

    found = text(place.client.get(f"/apis/{api.pk}/policies/add", {"q": "allow"}))
    browsed = text(place.client.get(f"/apis/{api.pk}/policies/add", {"category": "Quality of Service"}))
    nothing = text(place.client.get(f"/apis/{api.pk}/policies/add", {"q": "zzz"}))

    assert "IP Allowlist" in found
    assert "Rate Limiting" not in found
    assert "Rate Limiting" in browsed
    assert "IP Allowlist" not in browsed
    assert "No policy matches" in nothing


@pytest.mark.parametrize("words", ["Cache-Control", "429", "retry-after tier"])
def test_what_no_name_says_is_found_in_the_documentation(place: Place, words: str) -> None:
    found = text(place.client.get("/policies", {"q": words}))

    assert ("HTTP Caching" if words == "Cache-Control" else "Rate Limiting: SLA based") in found
    assert "say it in their documentation" in found
    assert "IP Allowlist" not in found


def test_a_category_is_found_by_its_name(place: Place) -> None:
    found = text(place.client.get("/policies", {"q": "compliance"}))

    assert "CORS" in found and "Rate Limiting" not in found
    assert "say it in their documentation" not in found


def test_disable_and_enable(place: Place) -> None:
    api = make_saved_api(place)
    binding = allow(place, api)

    place.client.post(f"/apis/{api.pk}/policies/{binding.pk}/disable")
    assert "Disabled IP Allowlist." in text(place.client.get(f"/apis/{api.pk}/policies"))
    place.client.post(f"/apis/{api.pk}/policies/{binding.pk}/enable")

    binding.refresh_from_db()
    assert not binding.is_disabled


def test_one_that_observes_is_enforced_in_one_click(place: Place) -> None:
    api = make_saved_api(place)
    binding = allow(place, api, mode="observe")

    shown = text(place.client.get(f"/apis/{api.pk}/policies"))
    enforced = place.client.post(f"/apis/{api.pk}/policies/{binding.pk}/enforce", follow=True)
    binding.refresh_from_db()
    mode = binding.mode
    back = {"mode": "observe"}
    observed = place.client.post(f"/apis/{api.pk}/policies/{binding.pk}/enforce", back, follow=True)

    binding.refresh_from_db()
    assert (mode, binding.mode) == ("enforce", "observe")
    assert "Observing" in shown and "Observing" in text(observed)
    assert "Observing" not in text(enforced) and "Observe again" in text(enforced)
    assert "Observe again" not in text(place.client.get(f"/apis/{api.pk}/policies"))


def test_removal_can_be_undone_with_its_secret(place: Place) -> None:
    api = make_saved_api(place)
    binding = apply_policy(
        place.user, api, BASIC, {"username": "ada", "password": "s3cret-of-ours"}, label="gate"
    )
    allow(place, api)

    place.client.post(f"/apis/{api.pk}/policies/{binding.pk}/remove")
    removed = text(place.client.get(f"/apis/{api.pk}/policies"))
    place.client.post(f"/apis/{api.pk}/policies/restore")

    back = api.policies.first()
    assert "Removed Basic Authentication: Simple." in removed
    assert "Undo" in removed
    assert (back.policy, back.label, list(back.secrets.values())) == (BASIC, "gate", ["s3cret-of-ours"])
    assert "s3cret-of-ours" not in str(dict(place.client.session))
    assert "Undo" not in text(place.client.get(f"/apis/{api.pk}/policies"))


def test_undo_is_for_the_same_api_alone(place: Place) -> None:
    api, other = make_saved_api(place, "Orders"), make_saved_api(place, "Payments")
    binding = allow(place, api)
    place.client.post(f"/apis/{api.pk}/policies/{binding.pk}/remove")

    place.client.post(f"/apis/{other.pk}/policies/restore")

    assert not PolicyBinding.objects.exists()


def order_of(page: str) -> list[int]:
    return [int(pk) for pk in re.findall(r'name="ids" value="(\d+)"', page)]


def test_arrows_show_a_new_order_and_apply_saves_it(place: Place) -> None:
    api = make_saved_api(place)
    first, second = allow(place, api).pk, allow(place, api).pk

    moved = text(
        place.client.post(
            f"/apis/{api.pk}/policies/order", {"ids": [first, second], "rows": f"down:ids:{first}"}
        )
    )
    unsaved = order_of(text(place.client.get(f"/apis/{api.pk}/policies")))
    place.client.post(f"/apis/{api.pk}/policies/order", {"ids": [second, first], "go": "apply"})

    assert order_of(moved) == [second, first]
    assert "data-sort-bar hidden" not in moved
    assert unsaved == [first, second]
    assert order_of(text(place.client.get(f"/apis/{api.pk}/policies"))) == [second, first]


def test_move_past_the_end_leaves_the_order_and_asks_for_nothing(place: Place) -> None:
    api = make_saved_api(place)
    first, second = allow(place, api).pk, allow(place, api).pk

    page = text(
        place.client.post(
            f"/apis/{api.pk}/policies/order", {"ids": [first, second], "rows": f"up:ids:{first}"}
        )
    )

    assert order_of(page) == [first, second]
    assert "data-sort-bar hidden" in page


def test_what_always_runs_first_is_not_put_behind_others_in_silence(place: Place) -> None:
    api = make_saved_api(place)
    cors = apply_policy(place.user, api, "cors", {"publicResource": True}).pk
    second, third = allow(place, api).pk, allow(place, api).pk
    address, lane = f"/apis/{api.pk}/policies/order", f"/apis/{api.pk}/policies"

    page = text(place.client.get(lane))
    up = text(place.client.post(address, {"ids": [cors, second, third], "rows": f"up:ids:{second}"}))
    done = text(place.client.post(address, {"ids": [third, cors, second], "go": "apply"}, follow=True))

    assert page.count("always first") == 1
    still = re.findall(r'value="(up|down):ids:(\d+)"[^>]* aria-disabled="true"', page)
    assert still == [("up", str(cors)), ("down", str(cors)), ("up", str(second)), ("down", str(third))]
    assert order_of(up) == [cors, second, third] and "data-sort-bar hidden" in up
    assert order_of(done) == [cors, third, second]
    assert "The policies run in the new order. CORS always runs first." in done


def test_order_of_a_lane_that_changed_meanwhile_is_refused(place: Place) -> None:
    api = make_saved_api(place)
    first = allow(place, api).pk
    allow(place, api)

    answer = place.client.post(f"/apis/{api.pk}/policies/order", {"ids": [first], "go": "apply"}, follow=True)

    assert "The policies changed meanwhile" in text(answer)


def test_viewer_sees_the_lane_without_buttons_and_may_not_write() -> None:
    manager = make_place()
    api = make_saved_api(manager)
    binding = allow(manager, api)
    viewer = make_place(Role.Name.VIEWER, manager.environment)
    base = f"/apis/{api.pk}/policies"

    page = text(viewer.client.get(base))

    assert "IP Allowlist" in page
    for word in ("Add policy", "/remove", "/disable", "data-sort-bar"):
        assert word not in page
    assert viewer.client.get(f"{base}/add").status_code == 403
    for path in (
        "/add/ip-allowlist",
        "/order",
        "/restore",
        f"/{binding.pk}",
        f"/{binding.pk}/disable",
        f"/{binding.pk}/enforce",
        f"/{binding.pk}/remove",
    ):
        assert viewer.client.post(base + path).status_code == 403


def test_another_apis_policy_is_not_found(place: Place) -> None:
    api, other = make_saved_api(place, "Orders"), make_saved_api(place, "Payments")
    binding = allow(place, other)

    assert place.client.post(f"/apis/{api.pk}/policies/{binding.pk}/remove").status_code == 404


def test_catalog_page_tells_where_a_policy_is_used(place: Place) -> None:
    api = make_saved_api(place)
    allow(place, api)

    page = text(place.client.get("/policies/ip-allowlist"))

    assert f"/apis/{api.pk}/policies" in page
    assert "Documentation" in page
    assert place.client.get("/policies/ip-allowlist-flex").url == "/policies/ip-allowlist"  # type: ignore[attr-defined]
    assert place.client.get("/policies/nothing").status_code == 404


@pytest.mark.parametrize("policy", [policy.name for policy in catalog.policies()])
def test_no_link_of_a_policys_documentation_leads_nowhere(place: Place, policy: str) -> None:
    page = text(place.client.get(f"/policies/{policy}"))

    assert re.findall(r'href="\.[^"]*"', page) == []


def test_catalog_lists_every_policy(place: Place) -> None:
    page = text(place.client.get("/policies"))

    for title in ("IP Allowlist", "Rate Limiting", "Basic Authentication: Simple"):
        assert title in page


def test_tls_stands_in_the_catalog_and_leads_to_its_contexts(place: Place) -> None:
    found = place.client.get("/policies", {"q": "tls"}).content.decode()
    own = place.client.get("/policies", {"q": "tls", "side": "outbound"}).content.decode()
    page = place.client.get("/policies/tls-inbound", follow=True)

    assert ('href="/policies/tls"' in found, 'href="/policies/tls"' in own) == (True, False)
    assert 'href="/policies/tls-outbound"' in own
    assert page.redirect_chain == [("/policies/tls", 302)]
    assert 'href="/apis/tls-contexts"' in page.content.decode()
    assert "<h2>Parameters</h2>" in page.content.decode()


def test_a_card_of_the_catalog_says_where_it_acts_and_how_many_apis_have_it(place: Place) -> None:
    for name in ("Orders", "Payments"):
        allow(place, make_saved_api(place, name))

    page = text(place.client.get("/policies?q=ip+allowlist"))

    assert page.count('class="card policy-card"') == 1
    for tag in ("inbound", "automated", "observe", "conditions"):
        assert f'<span class="tag">{tag}</span>' in page
    assert "2 APIs</small>" in page
    assert catalog.find("ip-allowlist").version in page
    assert "automated</span>" not in text(place.client.get("/policies?q=circuit"))


def test_policy_that_left_the_catalog_is_shown_and_can_be_removed(place: Place) -> None:
    api = make_saved_api(place)
    gone = PolicyBinding.objects.create(api=api, policy="gone-by-now", order=1, config={}, secrets={})

    page = text(place.client.get(f"/apis/{api.pk}/policies"))
    form = place.client.get(f"/apis/{api.pk}/policies/{gone.pk}")
    place.client.post(f"/apis/{api.pk}/policies/{gone.pk}/remove")

    assert "gone-by-now" in page
    assert "No longer in the catalog" in page
    assert form.status_code == 404
    assert not api.policies.exists()


def test_a_viewer_reads_a_policys_configuration_without_its_secrets(place: Place) -> None:
    api = make_saved_api(place)
    config = {"username": "ann", "password": "never-shown"}
    binding = apply_policy(place.user, api, "http-basic-authentication", config)
    viewer = make_place(Role.Name.VIEWER, environment=place.environment)
    address = f"/apis/{api.pk}/policies/{binding.pk}"

    page = text(viewer.client.get(address))

    assert f'href="{address}"' in text(viewer.client.get(f"/apis/{api.pk}/policies"))
    assert 'value="ann"' in page
    assert "never-shown" not in page
    assert "Stored, not shown" in page
    assert '<fieldset class="body" disabled>' in page
    assert "btn primary" not in page.split("<main")[1]
    assert viewer.client.post(address, {"config.username": "eve"}).status_code == 403
