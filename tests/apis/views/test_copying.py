"""The page that copies an API."""

from html import unescape

import pytest

from apis.models import ApiInstance
from console.models import Role
from tests.apis.changes.test_copies import beside, make_whole
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_environment, make_replica, make_role, make_tls_context

pytestmark = pytest.mark.django_db


def typed(api: ApiInstance, **more: object) -> dict[str, object]:
    found: dict[str, object] = {
        "environment": str(api.environment_id),
        "kind": "same",
        "gateway": str(api.gateway_id or ""),
        "protocol": "http",
        "port": "8081",
        "base_path": "/copy",
        "label": "copy",
        "with_policies": "on",
        "with_tests": "on",
    }
    found |= {f"upstreams.{row.pk}.uri": row.uri for row in api.upstreams.all()}
    return {name: value for name, value in (found | more).items() if value is not None}


def test_the_form_proposes_what_is_free(place: Place) -> None:
    api = make_whole(place)

    page = unescape(text(place.client.get(f"/apis/{api.pk}/copy")))

    assert 'value="/orders-2"' in page and 'name="label" ' in page and 'value="copy"' in page
    assert "IP Allowlist" in page and "1 test," in page
    assert "Secrets" not in page


def test_an_api_is_copied_in_its_place_and_deployed(place: Place) -> None:
    api = make_whole(place)

    answer = place.client.post(f"/apis/{api.pk}/copy", typed(api, go="deploy"))

    made = ApiInstance.objects.exclude(pk=api.pk).get()
    assert answer.status_code == 302 and answer["Location"] == f"/apis/{made.pk}"
    assert (made.base_path, made.label, made.is_deployed, made.policies.count()) == ("/copy", "copy", True, 3)
    assert f"Copied {api}" in unescape(text(place.client.get(answer["Location"])))
    assert "Copied from" in text(place.client.get(f"/apis/{made.pk}/history"))


def test_a_new_api_is_made_of_it(place: Place) -> None:
    api = make_saved_api(place)
    new = {"kind": "new", "name": "Orders EU", "api_version": "v2", "version": "2.0.0", "label": ""}

    place.client.post(f"/apis/{api.pk}/copy", typed(api, **new))

    made = ApiInstance.objects.exclude(pk=api.pk).get()
    assert (made.asset.name, made.asset.asset_id, made.asset.api_version) == ("Orders EU", "orders-eu", "v2")


def test_what_is_wrong_stands_at_its_field(place: Place) -> None:
    api = make_whole(place)
    one = api.upstreams.get(label="one")
    wrong = {"base_path": "/orders/x", f"upstreams.{one.pk}.uri": "nowhere", "label": ""}

    answer = place.client.post(f"/apis/{api.pk}/copy", typed(api, **wrong))

    page = unescape(text(answer))
    assert answer.status_code == 422 and "Nothing was saved" in page
    for field in ("base_path", "label", f"upstreams.{one.pk}.uri"):
        assert f'id="f-{field}_error"' in page, field
    assert ApiInstance.objects.count() == 1


def test_another_environment_asks_for_its_gateway_and_secrets(place: Place) -> None:
    api = make_whole(place)
    gateway = beside(place, name="Production", type="production")
    make_replica(gateway)
    basic = api.policies.get(policy="http-basic-authentication")
    secret = f"secrets.{basic.pk}.password"
    sent = typed(api, environment=str(gateway.environment_id), gateway=str(gateway.pk), label="")

    page = unescape(text(place.client.get(f"/apis/{api.pk}/copy?environment={gateway.environment_id}")))
    refused = place.client.post(f"/apis/{api.pk}/copy", sent)
    done = place.client.post(f"/apis/{api.pk}/copy", {**sent, secret: "other"})

    assert gateway.name in page and f'name="{secret}"' in page and "s3cret" not in page
    assert "This goes to Production" in page and "This is Production" not in page
    assert refused.status_code == 422 and f'id="f-{secret}_error"' in text(refused)
    made = gateway.environment.api_instances.get()
    assert done["Location"] == f"/apis/{made.pk}"
    assert made.policies.get(policy="http-basic-authentication").secrets == {"password": "other"}


def test_secrets_are_taken_along_when_somebody_says_so(place: Place) -> None:
    api = make_whole(place)
    gateway = beside(place)
    make_replica(gateway)
    sent = typed(api, environment=str(gateway.environment_id), gateway="", label="", keeps_secrets="on")

    place.client.post(f"/apis/{api.pk}/copy", sent)

    made = gateway.environment.api_instances.get()
    assert made.policies.get(policy="http-basic-authentication").secrets == {"password": "s3cret"}
    assert not made.is_deployed and made.gateway is None


def test_tls_contexts_are_those_of_the_other_environment(place: Place) -> None:
    api = make_saved_api(
        place, protocol="https", tls_context=make_tls_context(place.environment, name="edge")
    )
    with_it, without = beside(place).environment, beside(place).environment
    own = make_tls_context(with_it, name="edge")

    found = text(place.client.get(f"/apis/{api.pk}/copy?environment={with_it.pk}"))
    missing = unescape(text(place.client.get(f"/apis/{api.pk}/copy?environment={without.pk}")))

    assert f'value="{own.pk}" selected' in found and "New TLS context" not in found
    assert "has no TLS context edge" in missing


def test_another_organizations_environment_is_not_found(place: Place) -> None:
    api = make_saved_api(place)
    foreign = make_environment()

    assert place.client.get(f"/apis/{api.pk}/copy?environment={foreign.pk}").status_code == 404
    assert place.client.get(f"/apis/{api.pk}/copy?environment=x").status_code == 404
    sent = typed(api, environment=str(foreign.pk))
    assert place.client.post(f"/apis/{api.pk}/copy", sent).status_code == 404
    assert ApiInstance.objects.count() == 1


def test_a_viewer_copies_nothing_but_to_where_they_may_edit(place: Place) -> None:
    api = make_whole(place)
    gateway = beside(place)
    viewer = make_place(Role.Name.VIEWER, place.environment)

    refused = viewer.client.get(f"/apis/{api.pk}/copy")
    make_role(viewer.user, place.environment.organization, Role.Name.MANAGER, environment=gateway.environment)
    page = text(viewer.client.get(f"/apis/{api.pk}/copy"))

    assert refused.status_code == 403
    assert str(gateway.environment_id) in page
    assert 'name="keeps_secrets"' not in page
    assert "stay, since they may hold credentials" in page
