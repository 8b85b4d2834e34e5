"""Many APIs promoted at once: looked at before, asked about, done by a worker, taken back one by one."""

import re
from dataclasses import replace

import pytest

from apis.bulk import promoting as many
from apis.bulk import running
from apis.bulk.models import BulkChange, BulkItem, Plan
from apis.changes.instances import delete_api, edit_api
from apis.models import ApiInstance
from apis.promotions.models import Promotion
from console.models import Environment, Role
from console.roles.models import CustomRole
from tests.apis.changes.test_copies import make_whole
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_environment, make_gateway, make_role

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test is the worker."""
    from apis.tasks import look_at_promotions, work_on_bulk_change

    for task in (look_at_promotions, work_on_bulk_change):
        monkeypatch.setattr(task, "apply_async", lambda **_: None)


@pytest.fixture
def production(place: Place) -> Environment:
    environment = make_environment(place.environment.organization, name="Production", type="production")
    make_gateway(environment, name="prod-1")
    return environment


def chosen(place: Place, *apis: ApiInstance) -> BulkChange:
    where = {"environment": str(place.environment.pk), "action": "promote"}
    answer = place.client.post("/apis/bulk", where | {"api": [one.pk for one in apis]})
    found = re.search(r"/apis/bulk/([0-9a-f-]{36})$", answer["Location"])
    assert found, answer["Location"]
    return BulkChange.objects.get(pk=found[1])


def looked_at(place: Place, change: BulkChange, environment: Environment, **terms: str) -> dict[str, Plan]:
    ticks = {f"with_{name}": "on" for name in ("policies", "tiers", "alerts", "tests")}
    sent = {"environment": str(environment.pk), "parts": "1", **ticks, **terms}
    answer = place.client.post(f"/apis/bulk/{change.pk}/where", sent)
    assert answer.status_code == 302, answer.content
    return looked(change)


def looked(change: BulkChange) -> dict[str, Plan]:
    """However slow the machine is."""
    while Plan.objects.filter(item__change=change, state="untried").exists():
        many.look(str(change.pk))
    change.refresh_from_db()
    return plans(change)


def plans(change: BulkChange) -> dict[str, Plan]:
    rows = Plan.objects.filter(item__change=change).select_related("item")
    return {one.item.name.split()[0]: one for one in rows}


def begun(place: Place, change: BulkChange, go: str = "deploy") -> dict[str, BulkItem]:
    page = text(place.client.get(f"/apis/bulk/{change.pk}"))
    seen = page.partition('name="seen" value="')[2].partition('"')[0]
    answer = place.client.post(f"/apis/bulk/{change.pk}/start", {"go": go, "seen": seen})
    assert answer.status_code == 302, answer.content
    return worked(change)


def worked(change: BulkChange) -> dict[str, BulkItem]:
    while change.items.filter(state="waiting").exists():
        running.work(str(change.pk))
    return {one.name.split()[0]: one for one in change.items.all()}


def test_what_is_known_goes_what_is_asked_is_answered_and_each_is_taken_back(
    place: Place, production: Environment
) -> None:
    whole, paid = make_whole(place), make_saved_api(place, "Payments", base_path="/pay")
    change = chosen(place, whole, paid)
    first = text(place.client.get(f"/apis/bulk/{change.pk}"))
    assert "Where to" in first and "What they become" not in first
    waiting = looked_at(place, change, production)

    assert {name: one.state for name, one in waiting.items()} == {"Orders": "asks", "Payments": "asks"}
    assert "It is not known what http://backend:8080/ is in Production." in waiting["Payments"].words
    assert "Secrets are asked for: Basic Authentication: Simple." in waiting["Orders"].words
    assert not ApiInstance.objects.filter(environment=production).exists()

    ready = looked_at(place, change, production, takes_unknown="on")
    assert (ready["Payments"].state, ready["Orders"].state) == ("ready", "asks")
    page = f"/apis/bulk/{change.pk}/apis/{ready['Orders'].item_id}"
    asking = text(place.client.get(page))
    assert 'name="secrets.0"' in asking and "Production needs what is marked below." in asking
    assert "Nothing was saved." not in asking
    fields = {"parts": "1", "with_policies": "on", "counterpart": "new", "upstreams.0.uri": "http://prod:1/"}
    shown = place.client.post(page, fields | {"secrets.0": "of-production", "go": "review"})
    assert "What is made in Production" in text(shown)
    half = text(place.client.post(page, fields | {"go": "keep"}, follow=True))
    assert "needs an answer still, the rest is kept. Secrets are asked for: " in half
    kept = place.client.post(page, fields | {"secrets.0": "of-production", "go": "keep"})
    assert kept["Location"] == f"/apis/bulk/{change.pk}"
    assert plans(change)["Orders"].state == "ready"
    assert "of-production" not in text(place.client.get(page))

    done = begun(place, change)

    assert {one.state for one in done.values()} == {"done"}, [one.words for one in done.values()]
    made = ApiInstance.objects.get(environment=production, asset=whole.asset)
    assert made.is_deployed and made.upstreams.filter(uri="http://prod:1/").exists()
    assert made.policies.get(policy="http-basic-authentication").secrets == {"password": "of-production"}
    assert all(not (one.given or one.chosen) for one in plans(change).values())
    result = text(place.client.get(f"/apis/bulk/{change.pk}"))
    last = Promotion.objects.get(api=made)
    assert f"/apis/{made.pk}/promotions/{last.pk}/take-back" in result
    place.client.post(f"/apis/{made.pk}/promotions/{last.pk}/take-back")
    assert not ApiInstance.objects.filter(pk=made.pk).exists()
    assert ApiInstance.objects.filter(environment=production).count() == 1


def test_the_second_time_nothing_is_asked_and_what_is_the_same_is_left_alone(
    place: Place, production: Environment
) -> None:
    one, two = make_saved_api(place), make_saved_api(place, "Payments")
    change = chosen(place, one, two)
    looked_at(place, change, production, takes_unknown="on")
    begun(place, change)
    edit_api(place.user, one, lambda it: replace(it, description="New."))

    again = chosen(place, one, two)
    found = looked_at(place, again, production)
    assert {name: it.state for name, it in found.items()} == {"Orders": "ready", "Payments": "same"}
    assert found["Orders"].changes == 1
    done = begun(place, again)

    assert (done["Orders"].state, done["Payments"].state) == ("done", "unchanged")
    assert ApiInstance.objects.filter(environment=production).count() == 2
    assert ApiInstance.objects.get(environment=production, asset=one.asset).description == "New."


def test_what_changed_since_it_was_looked_at_is_not_promoted(place: Place, production: Environment) -> None:
    one, two, three = (make_saved_api(place, name) for name in ("Orders", "Payments", "Stock"))
    first = chosen(place, one, two, three)
    looked_at(place, first, production, takes_unknown="on")
    begun(place, first)
    for api in (one, two, three):
        edit_api(place.user, api, lambda it: replace(it, description="New."))
    change = chosen(place, one, two, three)
    looked_at(place, change, production)
    seen = many.seen(change)
    edit_api(place.user, one, lambda it: replace(it, tags=["later"]))
    delete_api(place.user, ApiInstance.objects.get(environment=production, asset=two.asset))

    answer = place.client.post(f"/apis/bulk/{change.pk}/start", {"go": "deploy", "seen": seen})
    twice = place.client.post(f"/apis/bulk/{change.pk}/start", {"go": "deploy", "seen": seen})
    done = worked(change)

    assert answer.status_code == twice.status_code == 302
    assert (done["Orders"].state, done["Orders"].words) == ("failed", many.CHANGED)
    assert (done["Payments"].state, done["Payments"].words) == ("failed", many.COUNTERPART_GONE)
    assert done["Stock"].state == "done"
    assert ApiInstance.objects.get(environment=production, asset=one.asset).tags == []
    again = place.client.post(f"/apis/bulk/{change.pk}/again")
    new = BulkChange.objects.get(pk=again["Location"].rpartition("/")[2])
    assert {one.state for one in looked(new).values()} == {"ready"} and new.state == "asked"


def test_a_plan_that_another_tab_changed_is_shown_anew(place: Place, production: Environment) -> None:
    one, two = make_saved_api(place), make_saved_api(place, "Payments")
    change = chosen(place, one, two)
    found = looked_at(place, change, production, takes_unknown="on")
    seen = many.seen(change)
    place.client.post(f"/apis/bulk/{change.pk}/apis/{found['Orders'].item_id}", {"leave": "1"})

    answer = place.client.post(f"/apis/bulk/{change.pk}/start", {"go": "save", "seen": seen})

    assert answer.status_code == 422 and many.ANOTHER in text(answer)
    done = begun(place, change, "save")
    assert (done["Orders"].state, done["Payments"].state) == ("left", "done")
    late = place.client.post(f"/apis/bulk/{change.pk}/where", {"environment": str(production.pk)})
    assert late.status_code == 404


def test_two_that_go_to_the_same_place_are_told_before(place: Place, production: Environment) -> None:
    other = make_gateway(place.environment)
    one, two = (
        make_saved_api(place, base_path="/same"),
        make_saved_api(place, "Payments", base_path="/same", gateway=other),
    )

    found = looked_at(place, chosen(place, one, two), production, takes_unknown="on")

    assert (found["Orders"].state, found["Payments"].state) == ("ready", "asks")
    assert f"{found['Orders'].item.name} goes to the same gateway" in found["Payments"].words


def test_who_may_not_promote_there_promotes_nothing(place: Place, production: Environment) -> None:
    change, foreign = chosen(place, make_saved_api(place)), make_environment()
    make_role(place.user, foreign.organization, Role.Name.VIEWER)
    for environment in (foreign, place.environment, make_environment()):
        sent = {"environment": str(environment.pk)}
        assert place.client.post(f"/apis/bulk/{change.pk}/where", sent).status_code == 404
    looked_at(place, change, production, takes_unknown="on")
    other = make_place("manager", place.environment)
    assert other.client.get(f"/apis/bulk/{change.pk}").status_code == 404
    begun_answer = place.client.post(
        f"/apis/bulk/{change.pk}/start", {"go": "save", "seen": many.seen(change)}
    )
    assert begun_answer.status_code == 302
    place.user.roles.all().delete()
    make_role(place.user, place.environment.organization, environment=place.environment)

    done = worked(change)

    assert done["Orders"].state == "failed" and "where it is promoted to" in done["Orders"].words
    assert not ApiInstance.objects.filter(environment=production).exists()


def test_others_are_not_told_of_the_other_environment_nor_deployed_to_it(
    place: Place, production: Environment
) -> None:
    may = ["manage:apis", "manage:policies"]
    custom = CustomRole.objects.create(organization=production.organization, name="M", permissions=may)
    place.user.roles.all().delete()
    make_role(place.user, production.organization, environment=place.environment)
    make_role(place.user, production.organization, Role.CUSTOM, custom=custom, environment=production)
    change = chosen(place, make_saved_api(place))
    looked_at(place, change, production, takes_unknown="on")

    done = begun(place, change)

    assert done["Orders"].state == "failed" and "Deploy APIs" in done["Orders"].words
    assert not ApiInstance.objects.filter(environment=production).exists()
    viewer = make_place("viewer")
    make_role(viewer.user, production.organization, Role.Name.VIEWER, environment=place.environment)
    page = text(viewer.client.get(f"/apis/bulk/{change.pk}"))
    assert "Told where they went" in page and "Deploy APIs" not in page


def test_too_many_are_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from apis.bulk import actions

    few = actions.ACTIONS["promote"]._replace(most=1)
    monkeypatch.setitem(actions.ACTIONS, "promote", few)  # type: ignore[arg-type]
    ids = [make_saved_api(place).pk, make_saved_api(place, "Payments").pk]
    where = {"environment": str(place.environment.pk), "action": "promote", "api": ids}

    assert "At most 1 APIs" in text(place.client.post("/apis/bulk", where, follow=True))
