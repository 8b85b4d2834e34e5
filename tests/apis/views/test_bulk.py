"""Many APIs changed at once."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apis.bulk import running
from apis.bulk.models import BulkChange, BulkItem
from apis.changes.instances import set_deprecated
from apis.models import ApiInstance
from console.models import AuditEntry, Environment, Role
from tests.apis.views.pages import Place, allow, make_place, make_saved_api, text
from tests.factories import make_automated, make_gateway

pytestmark = pytest.mark.django_db
IP = {"config.ips": "10.0.0.1", "policy": "ip-allowlist"}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would go to the workers."""
    from apis.tasks import work_on_bulk_change

    found: list[str] = []
    monkeypatch.setattr(work_on_bulk_change, "apply_async", lambda args, **_: found.append(args[0]))
    return found


def choose(place: Place, action: str, *apis: ApiInstance, **more: object) -> BulkChange:
    where = {"environment": str(place.environment.pk)}
    sent = {"action": action, "api": [one.pk for one in apis], **where, **more}
    answer = place.client.post("/apis/bulk", sent)
    assert answer.status_code == 302, answer
    return BulkChange.objects.get(pk=re.search(r"[0-9a-f-]{36}", answer["Location"])[0])  # type: ignore[index]


def begin(place: Place, change: BulkChange, **values: object) -> object:
    return place.client.post(f"/apis/bulk/{change.pk}/start", values)


def done(place: Place, action: str, *apis: ApiInstance, **values: object) -> dict[str, tuple[str, str]]:
    """By the API's name, the state and the words."""
    change = choose(place, action, *apis)
    assert begin(place, change, **looked_at(place, change), **values).status_code == 302  # type: ignore[attr-defined]
    running.work(str(change.pk))
    change.refresh_from_db()
    assert (change.state, change.fault) == ("done", "")
    return {one.name.split()[0]: (one.state, one.words) for one in change.items.all()}


def looked_at(place: Place, change: BulkChange) -> dict[str, str]:
    """What the page that asks says was seen of each API."""
    page = text(place.client.get(f"/apis/bulk/{change.pk}", follow=True))
    return dict(re.findall(r'name="(seen-[0-9]+)" value="(\w+)"', page))


def fresh(api: ApiInstance) -> ApiInstance:
    return ApiInstance.objects.get(pk=api.pk)


def test_apis_are_deployed_where_they_belong_and_each_tells_why_not(place: Place) -> None:
    orders, paid = make_saved_api(place), make_saved_api(place, "Payments", deploy=True)
    homeless = make_saved_api(place, "Homeless", gateway=None)

    found = done(place, "deploy", orders, paid, homeless)

    assert found == {
        "Orders": ("done", f"Deployed to {place.gateway}."),
        "Payments": ("unchanged", "It is deployed already."),
        "Homeless": ("failed", "No gateway is chosen for it; choose one in its settings."),
    }
    assert (fresh(orders).is_deployed, fresh(homeless).is_deployed) == (True, False)
    assert AuditEntry.objects.about("apiinstance", [orders.pk])[0].actor == place.user
    place.gateway.refresh_from_db()
    assert place.gateway.generation == fresh(orders).changed_generation
    assert "Homeless" in done(place, "deploy", homeless, gateway=str(place.gateway.pk))
    assert fresh(homeless).is_deployed


def test_what_is_pending_is_deployed_and_a_policy_waits_where_the_environment_says_so(place: Place) -> None:
    place.environment.deploys = Environment.Deploys.REVIEW
    place.environment.save()
    orders = make_saved_api(place, deploy=True)

    found = done(place, "policy", orders, **IP, applies="all")

    assert found["Orders"] == ("done", "IP Allowlist is applied, and waits to be deployed.")
    assert fresh(orders).pending_since is not None
    assert done(place, "deploy", orders)["Orders"][1] == f"What was pending is deployed to {place.gateway}."
    assert fresh(orders).pending_since is None


def test_who_needs_a_second_person_is_told_so(place: Place) -> None:
    place.environment.deploys = Environment.Deploys.SECOND_PERSON
    place.environment.save()
    orders = make_saved_api(place)

    state, words = done(place, "deploy", orders)["Orders"]

    assert (state, "a second person deploys them" in words) == ("failed", True)
    assert not fresh(orders).is_deployed


def test_a_gateway_of_another_environment_is_refused(place: Place) -> None:
    change = choose(place, "deploy", make_saved_api(place, gateway=None))

    answer = begin(place, change, gateway=str(make_gateway().pk))

    assert answer.status_code == 422  # type: ignore[attr-defined]
    change.refresh_from_db()
    assert change.state == "asked"


def test_tags_come_and_go_without_a_deployment(place: Place) -> None:
    orders = make_saved_api(place, tags=["eu"], deploy=True)
    paid = make_saved_api(place, "Payments", tags=["eu", "pci"])
    generation = fresh(orders).changed_generation

    found = done(place, "tag", orders, paid, tags="pci\neu\n")

    assert found["Orders"] == ("done", "Tagged pci, eu.")
    assert found["Payments"] == ("unchanged", "It has these tags already.")
    assert fresh(orders).tags == ["eu", "pci"]
    assert done(place, "untag", orders, paid, tags="eu")["Payments"][0] == "done"
    assert (fresh(orders).tags, fresh(paid).tags) == (["pci"], ["pci"])
    assert fresh(orders).changed_generation == generation


def test_what_no_api_can_have_is_refused_before_it_begins(place: Place) -> None:
    change = choose(place, "tag", make_saved_api(place))

    for tags in ("", "x" * 61, "\n".join(map(str, range(21)))):
        page = begin(place, change, tags=tags)
        assert page.status_code == 422 and "Nothing was saved" in text(page)  # type: ignore[attr-defined]
    assert fresh(ApiInstance.objects.get()).tags == []


def test_deprecation_and_its_end(place: Place) -> None:
    orders, paid = make_saved_api(place), make_saved_api(place, "Payments")
    set_deprecated(place.user, paid, True)

    assert done(place, "deprecate", orders, paid)["Payments"] == ("unchanged", "It is deprecated already.")
    assert fresh(orders).is_deprecated
    assert {state for state, _ in done(place, "undeprecate", orders, paid).values()} == {"done"}
    assert done(place, "undeploy", orders)["Orders"] == ("unchanged", "It is not deployed.")


def test_one_policy_is_applied_to_all_but_those_that_have_it(place: Place) -> None:
    orders, paid = make_saved_api(place, deploy=True), make_saved_api(place, "Payments")
    allow(place, paid)
    change = choose(place, "policy", orders, paid)
    catalog = text(place.client.get(f"/apis/bulk/{change.pk}/policy"))
    assert f"/apis/bulk/{change.pk}?policy=ip-allowlist" in catalog
    assert place.client.get(f"/apis/bulk/{change.pk}")["Location"].endswith("/policy")
    assert 'name="config.ips"' in text(place.client.get(f"/apis/bulk/{change.pk}?policy=ip-allowlist"))

    refused = begin(place, change, **IP | {"config.ips": "10.0.0.300"})
    assert refused.status_code == 422 and "10.0.0.300" in text(refused)  # type: ignore[attr-defined]
    begin(place, change, **IP, applies="all", label="office")
    running.work(str(change.pk))

    items = {one.name.split()[0]: (one.state, one.words) for one in change.items.all()}
    assert items == {
        "Orders": ("done", "IP Allowlist is applied."),
        "Payments": ("unchanged", "It has IP Allowlist already; edit it there."),
    }
    binding = fresh(orders).policies.get()
    assert (binding.config["ips"], binding.label) == (["10.0.0.1"], "office")


def test_secrets_of_a_policy_are_stored_encrypted_and_gone_at_the_end(place: Place) -> None:
    orders = make_saved_api(place)
    change = choose(place, "policy", orders)
    values = {
        "policy": "http-basic-authentication",
        "config.username": "ann",
        "config.password": "s3cr3t-word",
    }

    begin(place, change, **values, applies="all")

    row = BulkChange.objects.get()
    assert row.values["config"]["password"] == "s3cr3t-word"
    assert "s3cr3t" not in f"{row} {text(place.client.get(row.get_absolute_url()))}"
    running.work(str(change.pk))
    row.refresh_from_db()
    assert (row.values, row.is_repeatable, orders.policies.count()) == ({}, False, 1)


def test_a_delete_is_typed(place: Place) -> None:
    orders, paid = make_saved_api(place, deploy=True), make_saved_api(place, "Payments")
    change = choose(place, "delete", orders, paid)

    for word in ("", "delete", "delete 3"):
        assert begin(place, change, confirm=word).status_code == 422  # type: ignore[attr-defined]
    assert ApiInstance.objects.count() == 2
    begin(place, change, confirm="delete 2")
    paid.delete()
    running.work(str(change.pk))

    items = {one.name.split()[0]: one.state for one in change.items.all()}
    assert items == {"Orders": "done", "Payments": "unchanged"}
    assert not ApiInstance.objects.exists()


def test_others_see_what_was_begun_and_only_who_chose_begins_it(place: Place) -> None:
    change = choose(place, "deprecate", make_saved_api(place))
    manager, viewer = (make_place(role, place.environment) for role in (Role.Name.MANAGER, Role.Name.VIEWER))
    for other in (manager, viewer, make_place()):
        assert other.client.get(change.get_absolute_url()).status_code == 404

    begin(place, change)

    page = text(viewer.client.get(change.get_absolute_url()))
    assert "0 of 1 tried" in page and "Stop" not in page
    assert "Deprecate" in text(viewer.client.get("/apis/bulk"))
    assert viewer.client.post(f"/apis/bulk/{change.pk}/stop").status_code == 403
    assert make_place().client.get(change.get_absolute_url()).status_code == 404
    assert manager.client.get(f"/apis/bulk/{change.pk}/policy").status_code == 404
    manager.client.post(f"/apis/bulk/{change.pk}/stop")
    running.work(str(change.pk))
    change.refresh_from_db()
    assert (change.state, change.items.get().state) == ("stopped", "waiting")


def test_whoever_lost_the_role_changes_nothing_more(place: Place) -> None:
    api = make_saved_api(place)
    change = choose(place, "deprecate", api)
    begin(place, change)
    place.user.roles.update(name=Role.Name.VIEWER)

    running.work(str(change.pk))

    change.refresh_from_db()
    assert "may not change APIs" in change.fault
    assert not fresh(api).is_deprecated


def test_what_failed_is_tried_again(place: Place) -> None:
    homeless, orders = make_saved_api(place, "Homeless", gateway=None), make_saved_api(place)
    change = choose(place, "deploy", homeless, orders)
    begin(place, change)
    running.work(str(change.pk))
    assert "Try the 1 left again" in text(place.client.get(change.get_absolute_url()))
    ApiInstance.objects.filter(pk=homeless.pk).update(gateway=place.gateway)

    answer = place.client.post(f"/apis/bulk/{change.pk}/again")

    new = BulkChange.objects.exclude(pk=change.pk).get()
    assert answer["Location"] == new.get_absolute_url()
    running.work(str(new.pk))
    assert [(one.api_key, one.state) for one in new.items.all()] == [(homeless.pk, "done")]
    assert BulkItem.objects.get(change=change, api_key=homeless.pk).state == "failed"


def test_two_workers_do_it_once_and_what_one_left_another_ends(place: Place, asked: list[str]) -> None:
    change = choose(place, "tag", make_saved_api(place))
    begin(place, change, tags="eu")
    begin(place, change, tags="us")
    now = timezone.now()
    BulkChange.objects.update(state="running", held_until=now + timedelta(seconds=30))

    running.work(str(change.pk))
    running.tend()
    assert (change.items.get().state, asked) == ("waiting", [])
    BulkChange.objects.update(held_until=now - timedelta(seconds=1))
    running.tend()

    assert asked == [str(change.pk)]
    running.work(asked[0])
    running.work(asked[0])
    assert fresh(ApiInstance.objects.get()).tags == ["eu"]
    assert AuditEntry.objects.filter(action="update").count() == 1


def test_a_slice_ends_and_goes_on(place: Place, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    change = choose(place, "tag", *[make_saved_api(place, f"Row{number}") for number in range(3)])
    begin(place, change, tags="eu")
    monkeypatch.setattr(running, "SLICE_SECONDS", 0.0)

    running.work(str(change.pk))

    assert asked == [str(change.pk)]
    monkeypatch.setattr(running, "SLICE_SECONDS", 5)
    running.work(asked[0])
    assert change.counts() == {"done": 3}


def test_so_many_at_once_wait_for_their_turn(place: Place, asked: list[str]) -> None:
    api = make_saved_api(place)
    changes = [choose(place, "tag", api) for _ in range(3)]
    for one in changes:
        begin(place, one, tags="eu")
    held = {"state": "running", "held_until": timezone.now() + timedelta(seconds=30)}
    BulkChange.objects.filter(pk__in=[one.pk for one in changes[:2]]).update(**held)

    running.work(str(changes[2].pk))
    running.work(str(changes[2].pk))

    assert asked == [str(changes[2].pk)]
    changes[2].refresh_from_db()
    assert changes[2].state == "waiting"


def test_old_ones_are_forgotten_and_their_values_before(place: Place) -> None:
    api, ago = make_saved_api(place, gateway=None), timezone.now() - timedelta(days=2)
    change, asked_only = choose(place, "deploy", api), choose(place, "tag", api)
    begin(place, change)
    running.work(str(change.pk))
    BulkChange.objects.update(asked_at=ago)
    BulkChange.objects.filter(pk=change.pk).update(ended_at=ago)

    running.tend()

    change.refresh_from_db()
    assert (change.is_repeatable, change.values) == (False, {})
    assert "again" not in text(place.client.get(change.get_absolute_url()))
    assert not BulkChange.objects.filter(pk=asked_only.pk).exists()
    BulkChange.objects.update(ended_at=ago - timedelta(days=30))
    running.tend()
    assert not BulkChange.objects.exists()


def test_only_a_change_that_goes_on_asks_again(place: Place) -> None:
    change = choose(place, "deprecate", make_saved_api(place))
    begin(place, change)
    assert 'hx-trigger="every 1s"' in text(place.client.get(change.get_absolute_url()))

    running.work(str(change.pk))

    page = text(place.client.get(change.get_absolute_url()))
    assert "every 1s" not in page and "1 of 1 tried" in page
    assert "No API matches" in text(place.client.get(change.get_absolute_url(), {"state": "failed"}))


def test_the_question_says_what_callers_will_notice(place: Place) -> None:
    orders = make_saved_api(place, deploy=True)

    def asked_of(action: str, query: str = "") -> str:
        return text(place.client.get(f"{choose(place, action, orders).get_absolute_url()}{query}"))

    assert "Gateways serve as before" in asked_of("deprecate")
    assert "in force at once" in (page := asked_of("policy", "?policy=ip-allowlist"))
    assert "Apply to 1 API<" in page and "Automated policies" not in asked_of("tag")
    make_automated(place.environment, tags=["eu"])
    assert "Automated policies that go by tags" in asked_of("untag")
    Environment.objects.filter(pk=place.environment.pk).update(deploys=Environment.Deploys.REVIEW)
    page = asked_of("policy", "?policy=ip-allowlist")
    assert "until somebody deploys it" in page and "at once" not in page
