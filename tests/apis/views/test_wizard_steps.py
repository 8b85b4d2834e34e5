"""The wizard from its first step to its end: a draft for each tab, kept, discarded and saved."""

import re

import pytest
from django.utils import timezone

from apis.models import ApiInstance
from apis.tasks import forget_drafts
from apis.wizard_draft import WizardDraft
from console.models import Role
from tests.apis.views.pages import make_place, make_saved_api, text
from tests.apis.views.wizard import address, draft_of, fill, send, show

pytestmark = pytest.mark.django_db


def test_five_steps_save_and_deploy_an_api() -> None:
    place = make_place()
    fill(place)

    response = send(place, "review", go="deploy")

    api = ApiInstance.objects.get()
    assert response.url == f"/apis/{api.pk}"  # type: ignore[attr-defined]
    assert (api.asset.name, api.port, api.base_path, api.gateway) == (
        "Orders",
        8081,
        "/orders",
        place.gateway,
    )
    assert api.is_deployed
    assert [one.uri for one in api.upstreams.all()] == ["http://backend:8080/"]


def test_save_alone_does_not_deploy() -> None:
    place = make_place()
    fill(place)

    send(place, "review", go="save")

    assert not ApiInstance.objects.get().is_deployed


def test_a_saved_draft_is_forgotten() -> None:
    place = make_place()
    fill(place)
    send(place, "review", go="save")

    assert 'value="Orders"' not in text(place.client.get("/apis/add"))
    assert WizardDraft.objects.get().values == {}


def test_a_later_step_leads_to_the_first_open_one() -> None:
    place = make_place()
    fill(place, upto="downstream")

    assert show(place, "review").url == f"{address(place, 'downstream')}?check"


def test_going_back_keeps_what_is_half_typed() -> None:
    place = make_place()
    fill(place, upto="downstream")

    back = send(place, "downstream", port="80a", base_path="orders", label="half", go="back")

    assert back.url == address(place, "api")  # type: ignore[attr-defined]
    page = text(show(place, "downstream"))
    assert 'value="half"' in page
    assert 'value="orders"' in page
    assert "Orders" in text(show(place, "api"))


def test_a_discarded_draft_is_gone() -> None:
    place = make_place()
    fill(place, upto="downstream")
    gone = address(place, "downstream")

    place.client.post(f"/apis/add/{draft_of(place).pk}/discard")  # type: ignore[union-attr]

    assert place.client.get(gone).status_code == 404
    assert not WizardDraft.objects.exists()


def test_two_tabs_have_a_draft_each() -> None:
    place = make_place()
    fill(place)
    first = draft_of(place)
    second = place.client.post("/apis/add", {"gateway": str(place.gateway.pk), "go": "next"}).url
    send(place, "api", mode="new", asset__name="Payments", asset__api_version="v1", asset__version="1.0.0")

    place.client.post(f"/apis/add/{first.pk}/review", {"go": "save"})  # type: ignore[union-attr]

    assert second == address(place, "api")
    assert ApiInstance.objects.get().asset.name == "Orders"
    assert 'value="Payments"' in text(show(place, "api"))


def test_a_second_page_of_one_draft_overwrites_nothing_unseen() -> None:
    place = make_place()
    fill(place, upto="downstream")
    shown = text(show(place, "api"))
    seen = re.search(r'name="seen" value="(\d+)"', shown)
    assert seen is not None
    typed = {"mode": "new", "asset__api_version": "v1", "asset__version": "1.0.0", "seen": seen[1]}
    send(place, "api", asset__name="First", **typed)

    late = send(place, "api", asset__name="Second", **typed)

    assert late.status_code == 409  # type: ignore[attr-defined]
    assert "changed in another tab" in text(late)
    assert 'value="Second"' in text(late)
    assert str(draft_of(place)) == "First"
    typed["seen"] = re.search(r'name="seen" value="(\d+)"', text(late))[1]  # type: ignore[index]
    assert send(place, "api", asset__name="Second", **typed).status_code == 302  # type: ignore[attr-defined]
    assert str(draft_of(place)) == "Second"


def test_an_unfinished_draft_is_offered_until_it_is_finished() -> None:
    place = make_place()
    fill(place)

    assert f'href="{address(place, "upstream")}">Orders</a>' in text(place.client.get("/apis/add"))
    send(place, "review", go="save")
    assert "Unfinished drafts" not in text(place.client.get("/apis/add"))


def test_saving_twice_makes_one_api() -> None:
    place = make_place()
    fill(place)

    first, second = send(place, "review", go="deploy"), send(place, "review", go="deploy")

    assert ApiInstance.objects.count() == 1
    assert second.url == first.url  # type: ignore[attr-defined]
    assert show(place, "gateway").url == first.url  # type: ignore[attr-defined]


def test_nobody_else_sees_a_draft() -> None:
    place = make_place()
    fill(place, upto="downstream")
    other = make_place(environment=place.environment)

    assert other.client.get(address(place, "api")).status_code == 404
    assert other.client.post(address(place, "api"), {"go": "next"}).status_code == 404
    assert "Unfinished drafts" not in text(other.client.get("/apis/add"))


def test_drafts_are_bounded_and_expire() -> None:
    place = make_place()
    for _ in range(WizardDraft.MOST + 2):
        place.client.post("/apis/add", {"gateway": "", "go": "next"})
    kept = list(WizardDraft.objects.all())
    old = kept[0]
    WizardDraft.objects.filter(pk=old.pk).update(updated_at=timezone.now() - WizardDraft.LIFETIME)

    assert len(kept) == WizardDraft.MOST
    assert place.client.get(f"/apis/add/{old.pk}/gateway").status_code == 404
    forget_drafts()
    assert not WizardDraft.objects.filter(pk=old.pk).exists()


def test_a_draft_survives_the_session() -> None:
    place = make_place()
    fill(place, upto="downstream")
    send(place, "downstream", protocol="http", port="80a", base_path="/half", go="stay")

    place.client.logout()
    place.client.force_login(place.user)

    assert 'value="/half"' in text(show(place, "downstream"))


def test_viewer_may_neither_see_nor_post_the_wizard() -> None:
    place = make_place(Role.Name.VIEWER)

    assert place.client.get("/apis/add").status_code == 403
    assert send(place, "gateway", gateway="").status_code == 403  # type: ignore[attr-defined]


def test_unknown_step_is_not_found() -> None:
    place = make_place()
    fill(place, upto="api")

    assert show(place, "nowhere").status_code == 404  # type: ignore[attr-defined]


def test_what_became_wrong_meanwhile_is_said_on_review() -> None:
    place = make_place()
    fill(place)
    make_saved_api(place, "Payments", base_path="/orders")

    answer = send(place, "review", go="deploy")

    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "overlaps" in text(answer)
    assert ApiInstance.objects.count() == 1
