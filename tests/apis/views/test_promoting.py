"""The page of a promotion: a table of what is otherwise there, the difference, and doing it."""

from typing import Any

import pytest

from apis.models import ApiInstance
from apis.promotions.models import Promotion
from console.models import Environment, Role
from tests.apis.changes.test_copies import make_whole
from tests.apis.views.pages import Place, make_place, text
from tests.factories import make_environment, make_gateway, make_role

pytestmark = pytest.mark.django_db


def production(place: Place, **fields: object) -> Environment:
    environment = make_environment(place.environment.organization, name="Production", **fields)
    make_gateway(environment, name="prod-1")
    return environment


def sent(environment: Environment, **fields: Any) -> dict[str, Any]:
    ticks = {f"with_{name}": "on" for name in ("policies", "tiers", "alerts", "tests")}
    return {"environment": str(environment.pk), "parts": "1", **ticks, **fields}


def seen_of(page: str) -> str:
    return page.partition('name="seen" value="')[2].partition('"')[0]


def test_a_promotion_asks_once_shows_what_is_made_and_the_second_asks_nothing() -> None:
    place = make_place()
    api, environment = make_whole(place), production(place, type="production")
    path = f"/apis/{api.pk}/promote"
    first = text(place.client.get(path))
    assert "In Production" in first and "This goes to Production" in first
    assert "4 things of Production are not known yet" in first

    fields = sent(
        environment,
        counterpart="new",
        **{f"upstreams.{at}.uri": f"http://prod-{at}:8080/" for at in range(3)},
    )
    missing = place.client.post(path, fields | {"go": "review"})
    assert missing.status_code == 422 and "Write the value for Production" in text(missing)
    fields["secrets.0"] = "for production"
    shown = place.client.post(path, fields | {"go": "review"})
    assert "What is made in Production" in text(shown)
    assert not ApiInstance.objects.filter(environment=environment).exists()
    unseen = place.client.post(path, fields | {"go": "deploy"})
    assert unseen.status_code == 200 and not ApiInstance.objects.filter(environment=environment).exists()
    done = place.client.post(path, fields | {"go": "deploy", "seen": seen_of(text(shown))})
    made = ApiInstance.objects.get(environment=environment)
    assert done["Location"] == f"/apis/{made.pk}"
    assert made.is_deployed and made.upstreams.filter(uri="http://prod-0:8080/").exists()

    again = text(place.client.get(path))
    assert "All that Production needs is known from before" in again and f"Update {made}" in again
    nothing = sent(environment, counterpart=str(made.pk), go="review")
    assert "Nothing.</b>" in text(place.client.post(path, nothing))


def test_it_can_be_taken_back_on_the_page_of_the_api() -> None:
    place = make_place()
    api, environment = make_whole(place), production(place)
    path = f"/apis/{api.pk}/promote"
    fields = sent(environment, **{"secrets.0": "new", "go": "review"})
    shown = text(place.client.post(path, fields))
    place.client.post(path, fields | {"go": "save", "seen": seen_of(shown)})
    made = ApiInstance.objects.get(environment=environment)
    last = Promotion.objects.get(api=made)

    page = text(place.client.get(f"/apis/{made.pk}"))
    assert f"/apis/{made.pk}/promotions/{last.pk}/take-back" in page
    place.client.post(f"/apis/{made.pk}/promotions/{last.pk}/take-back")

    assert not ApiInstance.objects.filter(pk=made.pk).exists()


def test_nobody_promotes_to_where_they_may_only_look() -> None:
    place = make_place()
    api, environment = make_whole(place), make_environment()
    make_role(place.user, environment.organization, Role.Name.VIEWER)

    assert place.client.get(f"/apis/{api.pk}/promote?environment={environment.pk}").status_code == 404
    assert place.client.get(f"/apis/{api.pk}/promote?counterpart=7").status_code == 404
    assert make_place("viewer", place.environment).client.get(f"/apis/{api.pk}/promote").status_code == 403
