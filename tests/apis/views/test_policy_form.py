"""A policy's form: applied, refused at its fields, secrets, conditions."""

import re

import pytest

from apis.changes.policies import apply_policy
from apis.models import PolicyBinding
from tests.apis.views.pages import Place, allow, make_saved_api, text

pytestmark = pytest.mark.django_db

BASIC = "http-basic-authentication"


LIMIT = {
    "config.rateLimits": ["0"],
    "config.rateLimits.0.maximumRequests": "100",
    "config.rateLimits.0.timePeriodInMilliseconds": "60000",
}


def test_policy_is_applied_from_its_form(place: Place) -> None:
    api = make_saved_api(place)

    response = place.client.post(f"/apis/{api.pk}/policies/add/rate-limiting", LIMIT)

    binding = PolicyBinding.objects.get()
    assert response.url == f"/apis/{api.pk}/policies"  # type: ignore[attr-defined]
    assert binding.config["rateLimits"] == [{"maximumRequests": 100, "timePeriodInMilliseconds": 60000}]
    assert "Applied Rate Limiting." in text(place.client.get(response.url))  # type: ignore[attr-defined]


def test_what_was_never_said_and_is_left_as_it_comes_is_no_change(place: Place) -> None:
    """As of policies that came by REST or a file: a review has nothing to tell of them."""
    api = make_saved_api(place)
    limits = [{"maximumRequests": 100, "timePeriodInMilliseconds": 60000}]
    binding = apply_policy(place.user, api, "rate-limiting", {"rateLimits": limits, "clusterizable": False})
    path = f"/apis/{api.pk}/policies/{binding.pk}"
    page = text(place.client.get(path))
    switched_on = re.findall(r'name="(config\.\w+)"[^>]* checked', page)

    place.client.post(
        path, {**LIMIT, "applies": "all", "mode": "enforce", **dict.fromkeys(switched_on, "on")}
    )

    binding.refresh_from_db()
    assert switched_on
    assert binding.config == {"rateLimits": limits, "clusterizable": False}


@pytest.mark.parametrize("policy", ["api-key", "hmac-signature", "jwt-validation"])
def test_a_secret_of_several_lines_has_an_area_that_keeps_them(place: Place, policy: str) -> None:
    api = make_saved_api(place)
    path = f"/apis/{api.pk}/policies/add/{policy}"
    name = "config.textKey" if policy == "jwt-validation" else "config.keys"

    page = text(place.client.get(path))
    (area,) = re.findall(f'<textarea[^>]*name="{name}"[^>]*>', page)

    assert "data-secret" in area and 'spellcheck="false"' in area
    assert f'<input type="password" name="{name}"' not in page


def test_several_keys_are_applied_from_a_form_and_not_shown_again(place: Place) -> None:
    api = make_saved_api(place)
    two = "shop: 5e0f1d7c9ab24c61\r\nbatch: b31c7d4499d6e02a\r\n"
    sent = {"config.knownFrom": "keys", "config.keys": two, "applies": "all"}

    place.client.post(f"/apis/{api.pk}/policies/add/api-key", sent)

    binding = PolicyBinding.objects.get()
    page = text(place.client.get(f"/apis/{api.pk}/policies/{binding.pk}"))
    assert "Leave empty to keep the stored value" in page
    assert "5e0f1d7c9ab24c61" not in page
    assert list(binding.secrets.values()) == [two]


def form_of(place: Place, path: str) -> dict[str, str]:
    """What the form carries along by itself."""
    (seen,) = re.findall(r'name="seen" value="(\w+)"', text(place.client.get(path)))
    return {"seen": seen}


def test_a_form_that_is_sent_twice_applies_its_policy_once(place: Place) -> None:
    api = make_saved_api(place, deploy=True)
    path = f"/apis/{api.pk}/policies/add/{BASIC}"
    sent = {"config.username": "ann", "config.password": "secret-1", "applies": "all", **form_of(place, path)}
    place.client.post(path, sent)
    api.gateway.refresh_from_db()
    generation = api.gateway.generation

    second = place.client.post(path, sent, follow=True)

    assert PolicyBinding.objects.count() == 1
    api.gateway.refresh_from_db()
    assert api.gateway.generation == generation
    assert second.redirect_chain[-1][0] == f"/apis/{api.pk}/policies"


def test_a_form_that_is_opened_again_or_filled_in_otherwise_applies_once_more(place: Place) -> None:
    api = make_saved_api(place)
    path = f"/apis/{api.pk}/policies/add/{BASIC}"
    sent = {"config.username": "ann", "config.password": "secret-1", "applies": "all", **form_of(place, path)}
    place.client.post(path, sent)

    place.client.post(path, sent | {"config.password": "secret-2"})
    assert PolicyBinding.objects.count() == 2
    place.client.post(path, sent | form_of(place, path))
    assert PolicyBinding.objects.count() == 3


def test_alias_opens_the_form(place: Place) -> None:
    api = make_saved_api(place)

    assert place.client.get(f"/apis/{api.pk}/policies/add/rate-limiting-flex").status_code == 200
    assert place.client.get(f"/apis/{api.pk}/policies/add/nothing").status_code == 404


def test_fault_stands_at_its_field_and_nothing_is_saved(place: Place) -> None:
    api = make_saved_api(place)

    answer = place.client.post(
        f"/apis/{api.pk}/policies/add/rate-limiting", {**LIMIT, "config.rateLimits.0.maximumRequests": "many"}
    )

    assert answer.status_code == 422
    assert 'id="f-config.rateLimits.0.maximumRequests_error"' in text(answer)
    assert re.search(r'value="1" id="f-config.rateLimits.0.timePeriodInMilliseconds"', text(answer))
    assert '<option value="min" selected>minutes</option>' in text(answer)
    assert not PolicyBinding.objects.exists()


def test_bad_address_names_its_line(place: Place) -> None:
    api = make_saved_api(place)

    page = text(
        place.client.post(f"/apis/{api.pk}/policies/add/ip-allowlist", {"config.ips": "10.0.0.1\nnonsense"})
    )

    assert "Line 2: " in page
    assert "nonsense</textarea>" in page


def test_expression_that_does_not_parse_is_a_form_error(place: Place) -> None:
    api = make_saved_api(place)

    answer = place.client.post(
        f"/apis/{api.pk}/policies/add/rate-limiting",
        {**LIMIT, "config.keySelector": "#[attributes.headers[]"},
    )

    assert 'id="f-config.keySelector_error"' in text(answer)
    assert not PolicyBinding.objects.exists()


def test_row_is_added_without_saving(place: Place) -> None:
    api = make_saved_api(place)

    page = text(
        place.client.post(
            f"/apis/{api.pk}/policies/add/rate-limiting", {**LIMIT, "rows": "add:config.rateLimits"}
        )
    )

    assert 'name="config.rateLimits.1.maximumRequests"' in page
    assert 'value="100"' in page
    assert not PolicyBinding.objects.exists()


def test_secret_is_kept_and_never_shown(place: Place) -> None:
    api = make_saved_api(place)
    binding = apply_policy(place.user, api, BASIC, {"username": "ada", "password": "s3cret-of-ours"})

    page = text(place.client.get(f"/apis/{api.pk}/policies/{binding.pk}"))
    place.client.post(
        f"/apis/{api.pk}/policies/{binding.pk}", {"config.username": "bob", "config.password": ""}
    )

    binding.refresh_from_db()
    assert "s3cret-of-ours" not in page
    assert "Leave empty to keep the stored value" in page
    assert binding.config["username"] == "bob"
    assert list(binding.secrets.values()) == ["s3cret-of-ours"]


def test_forms_with_secrets_are_not_stored_by_browsers(place: Place) -> None:
    api = make_saved_api(place)

    assert place.client.get(f"/apis/{api.pk}/policies/add/{BASIC}")["Cache-Control"] == "no-store"


def test_conditions_are_saved_and_shown(place: Place) -> None:
    api = make_saved_api(place)
    conditions = {
        "applies": "some",
        "conditions": ["0"],
        "conditions.0.methodRegex": "GET|POST",
        "conditions.0.uriTemplateRegex": "/items/.*",
    }

    place.client.post(f"/apis/{api.pk}/policies/add/rate-limiting", {**LIMIT, **conditions})

    assert PolicyBinding.objects.get().conditions == [
        {"methodRegex": "GET|POST", "uriTemplateRegex": "/items/.*"}
    ]
    assert "GET|POST /items/.*" in text(place.client.get(f"/apis/{api.pk}/policies"))


def test_condition_that_is_no_expression_stands_at_its_field(place: Place) -> None:
    api = make_saved_api(place)
    conditions = {"applies": "some", "conditions": ["0"], "conditions.0.uriTemplateRegex": "/items/("}

    answer = place.client.post(f"/apis/{api.pk}/policies/add/rate-limiting", {**LIMIT, **conditions})

    assert answer.status_code == 422
    assert 'id="f-conditions.0.uriTemplateRegex_error"' in text(answer)


def test_every_request_drops_the_conditions(place: Place) -> None:
    api = make_saved_api(place)
    binding = allow(place, api, conditions=[{"methodRegex": "GET"}])

    place.client.post(f"/apis/{api.pk}/policies/{binding.pk}", {"config.ips": "10.0.0.1", "applies": "all"})

    binding.refresh_from_db()
    assert binding.conditions == []


def test_place_in_the_order_is_taken(place: Place) -> None:
    api = make_saved_api(place)
    allow(place, api)

    place.client.post(f"/apis/{api.pk}/policies/add/rate-limiting", {**LIMIT, "order": "1"})
    bad = place.client.post(f"/apis/{api.pk}/policies/add/rate-limiting", {**LIMIT, "order": "first"})

    assert [one.policy for one in api.policies.all()] == ["rate-limiting", "ip-allowlist"]
    assert 'id="f-order_error"' in text(bad)


def test_everything_that_is_wrong_is_said_at_once(place: Place) -> None:
    api = make_saved_api(place)
    wrong = {
        **LIMIT,
        "config.rateLimits.0.maximumRequests": "-3",
        "applies": "some",
        "conditions": ["0"],
        "conditions.0.methodRegex": "GET|[",
        "order": "first",
    }

    for order in ("first", ""):
        page = text(place.client.post(f"/apis/{api.pk}/policies/add/rate-limiting", wrong | {"order": order}))

        for field in ("config.rateLimits.0.maximumRequests", "conditions.0.methodRegex"):
            assert f'id="f-{field}_error"' in page
        assert ('id="f-order_error"' in page) == bool(order)
    assert not api.policies.exists()


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("order", "99999999999999999999999", "is not a place; write a whole number from 1 to 32767"),
        ("order", "32768", "is not a place"),
        ("order", "0", "is not a place"),
        ("label", "x" * 256, "The label is longer than 255 characters."),
        ("label", "a\x01b", "The label holds a line break or a control character"),
        ("label", "a\nb", "The label holds a line break or a control character"),
    ],
)
def test_a_place_or_a_label_that_cannot_be_is_refused(
    place: Place, field: str, typed: str, said: str
) -> None:
    api = make_saved_api(place)

    answer = place.client.post(f"/apis/{api.pk}/policies/add/rate-limiting", {**LIMIT, field: typed})

    assert answer.status_code == 422
    assert said in text(answer)
    assert not PolicyBinding.objects.exists()
