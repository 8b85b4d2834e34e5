"""Roles that are just short of a right: what brings an API somewhere brings nothing that its user may not."""

import pytest
import yaml
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apis.copying import jobs
from apis.copying.jobs import WantedCopy
from apis.models import ApiInstance
from apis.portable.exporting import yaml_of
from apis.promotions import importing
from apis.promotions.models import Counterpart
from console.models import Environment, Organization, Role, User
from console.roles.models import CustomRole
from tests.factories import (
    make_alert,
    make_api,
    make_application,
    make_environment,
    make_gateway,
    make_organization,
    make_tier,
    make_user,
)
from tests.rest import Rest

pytestmark = pytest.mark.django_db
APIS, POLICIES = ("manage:apis", "deploy:apis"), ("manage:policies",)


@pytest.fixture
def organization() -> Organization:
    return make_organization("Acme")


@pytest.fixture
def api(organization: Organization) -> ApiInstance:
    """With a policy, a tier with a hidden limit, and an alert."""
    made = make_api(make_gateway(make_environment(organization, name="Sandbox")), name="orders")
    upstream = made.upstreams.create(uri="http://orders:8080/")
    made.routes.create(position=0).targets.create(upstream=upstream, weight=100)
    made.policies.create(policy="ip-allowlist", config={"ips": ["10.0.0.1"]}, order=1)
    limits = [
        {"maximumRequests": 100, "timePeriodInMilliseconds": 60_000, "visible": True},
        {"maximumRequests": 9_876, "timePeriodInMilliseconds": 86_400_000, "visible": False},
    ]
    make_tier(made, name="Gold", limits=limits)
    make_alert(api=made, name="Slow", addresses=["ops@acme.test"])
    return made


@pytest.fixture
def production(organization: Organization) -> Environment:
    made = make_environment(organization, name="Production")
    make_gateway(made)
    return made


def person(**held: tuple[Environment, tuple[str, ...]]) -> User:
    user = make_user()
    for name, (environment, permissions) in held.items():
        place = environment.organization
        custom = CustomRole.objects.create(organization=place, name=name, permissions=list(permissions))
        Role.objects.create(
            user=user, organization=place, environment=environment, name=Role.CUSTOM, custom=custom
        )
    return user


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


def count() -> int:
    return ApiInstance.objects.count()


def test_who_may_not_view_policies_copies_none(api: ApiInstance, production: Environment) -> None:
    user = person(here=(api.environment, ("view:apis",)), there=(production, (*APIS, *POLICIES)))
    browser = browser_of(user)

    answers = [browser.get(f"/apis/{api.pk}/copy"), browser.post(f"/apis/{api.pk}/copy", {"go": "save"})]

    assert [one.status_code for one in answers] == [403, 403]
    assert count() == 1


def test_who_may_not_apply_policies_copies_none(api: ApiInstance) -> None:
    user = person(here=(api.environment, (*APIS, "view:policies")))
    browser, rest = browser_of(user), Rest(user, api.environment)
    body = {"instanceLabel": "two", "promote": {"originApiId": api.pk}}
    body |= {"endpoint": {"proxyUri": "http://0.0.0.0:8081/two"}}
    several = {"copies": [{"name": "Two", "basePath": "/two"}]}

    assert browser.get(f"/apis/{api.pk}/copy").status_code == 403
    assert browser.get(f"/apis/{api.pk}/copies").status_code == 403
    assert rest("POST", "AM", body).status_code == 403
    assert rest("POST", f"AM/{api.pk}/copies", several).status_code == 403
    assert count() == 1


def test_an_api_without_policies_is_copied_by_who_manages_apis(api: ApiInstance) -> None:
    api.policies.all().delete()
    user = person(here=(api.environment, APIS))

    assert browser_of(user).get(f"/apis/{api.pk}/copy").status_code == 200
    answer = Rest(user, api.environment)(
        "POST", f"AM/{api.pk}/copies", {"copies": [{"name": "Two", "basePath": "/two"}]}
    )

    assert answer.status_code == 201, answer.data
    assert count() == 2


def test_a_role_for_one_api_makes_no_others(api: ApiInstance) -> None:
    user = make_user()
    place = {"organization": api.environment.organization, "environment": api.environment, "api": api}
    Role.objects.create(user=user, name="api-manager", **place)
    several = {"copies": [{"name": "Two", "basePath": "/two"}]}

    assert browser_of(user).get(f"/apis/{api.pk}/copies").status_code == 403
    assert Rest(user, api.environment)("POST", f"AM/{api.pk}/copies", several).status_code == 403
    key = jobs.ask(user, api, [WantedCopy("Two", "/two", 8081)], "", deploy=False)
    jobs.work(key)

    job = jobs.found(user, key)
    assert job and job.fault == jobs.NOT_ALLOWED
    assert count() == 1


def test_who_may_not_apply_policies_in_production_promotes_nothing_there(
    api: ApiInstance, production: Environment
) -> None:
    there = make_api(production.gateways.get(), name="orders")
    guard = there.policies.create(policy="ip-blocklist", config={"ips": ["10.9.9.9"]}, order=1)
    Counterpart.objects.create(origin=api, copy=there)
    user = person(here=(api.environment, ("view:policies",)), there=(production, APIS))
    rest = Rest(user, production)

    new = rest("POST", "AM", {"promote": {"originApiId": api.pk}})
    update = rest("POST", "AM", {"promote": {"originApiId": api.pk, "counterpartId": there.pk}})

    assert (new.status_code, update.status_code) == (403, 403)
    assert list(there.policies.all()) == [guard] and count() == 2


def test_an_api_with_policies_moves_with_who_may_apply_them(
    api: ApiInstance, production: Environment
) -> None:
    ApiInstance.objects.update(is_deployed=False)
    user = person(here=(api.environment, (*APIS, *POLICIES)), there=(production, APIS))
    root = f"/apiplatform/repository/v2/organizations/{production.organization_id}/apis/{api.asset_id}"

    moved = Rest(user)("POST", f"{root}/versions/{api.pk}/classify", {"environmentId": str(production.pk)})

    assert moved.status_code == 403, moved.data
    api.refresh_from_db()
    assert api.environment != production


def test_a_file_holds_no_more_than_its_reader_may_see(api: ApiInstance) -> None:
    reader = person(here=(api.environment, ("view:policies",)))
    rest = Rest(reader, api.environment)
    by_page = browser_of(reader).get(f"/apis/{api.pk}/file").content.decode()
    by_rest = rest.client.get(rest.address(f"AM/{api.pk}/export"), headers=rest.headers).content.decode()

    details = list(yaml.safe_load_all(by_page))[-1]["spec"]

    assert by_page == by_rest
    assert details["without"] == ["tiers", "alerts", "tests"]
    assert "9876" not in by_page and "ops@acme.test" not in by_page


def test_who_may_not_view_tiers_and_alerts_takes_none_along(
    api: ApiInstance, production: Environment
) -> None:
    every = (*APIS, *POLICIES, "manage:contracts", "manage:alerts")
    user = person(here=(api.environment, ("view:policies",)), there=(production, every))

    parts = {"tiers": {"allEntities": True}, "alerts": {"allEntities": True}}
    made = Rest(user, production)("POST", "AM", {"promote": {"originApiId": api.pk, **parts}})

    assert made.status_code == 201, made.data
    there = ApiInstance.objects.get(pk=made.data["id"])
    assert not there.tiers.exists() and not there.alerts.exists()
    assert "Tiers stayed in Sandbox" in made["Warning"] and "Alerts stayed in Sandbox" in made["Warning"]
    page = browser_of(user).get(f"/apis/{api.pk}/promote?environment={production.pk}").content.decode()
    assert "with_policies" in page and "with_tiers" not in page and "with_alerts" not in page


def test_hidden_limits_are_told_to_no_consumer(api: ApiInstance) -> None:
    owner, place = make_user(), api.environment.organization
    shop, gold = make_application(place, owners=[owner]), api.tiers.get()
    rest, path = Rest(owner), f"/exchange/api/v2/organizations/{place.pk}/applications/{shop.pk}/contracts"

    asked = rest("POST", path, {"apiId": api.pk, "requestedTierId": gold.pk, "acceptedTerms": True})
    listed = rest("GET", path)
    viewer = Rest(person(here=(api.environment, ("view:contracts",))), api.environment)

    assert asked.status_code == 201, asked.data
    assert [one["maximumRequests"] for one in asked.data["requestedTier"]["limits"]] == [100]
    assert [one["maximumRequests"] for one in listed.data[0]["requestedTier"]["limits"]] == [100]
    seen = viewer("GET", f"AM/{api.pk}/contracts").data["contracts"][0]["requestedTier"]["limits"]
    assert [one["maximumRequests"] for one in seen] == [100, 9_876]


def test_a_file_that_says_nothing_of_a_part_leaves_it_as_it_is(api: ApiInstance) -> None:
    text = yaml_of([api], lambda _: frozenset())
    resources = text[: text.index("kind: ApiDetails")].rpartition("---")[0]
    resources = resources.replace("gatewright/exported: '2'", "x: y")
    user = make_user(is_superuser=True)

    for number, written in enumerate((text, resources)):
        sent = SimpleUploadedFile("a.yaml", written.replace("10.0.0.1", f"10.0.0.{number + 2}").encode())
        row = importing.upload(user, api.environment, sent)
        importing.read(row.pk)
        row.refresh_from_db()
        assert row.faults == []
        whole = importing.apis_of(row)[0]
        choices = importing.proposed(api.environment, whole, api)
        importing.take(user, row, 0, choices)

    assert api.policies.get().config == {"ips": ["10.0.0.3"]}
    assert api.tiers.get().name == "Gold" and api.alerts.get().name == "Slow"


def test_who_may_import_is_told_before_they_choose_a_file(api: ApiInstance) -> None:
    browser = browser_of(person(here=(api.environment, APIS)))

    assert browser.get("/apis/import").status_code == 403


@pytest.mark.parametrize(
    ("here", "there", "offered"),
    [
        (("view:apis", "view:policies"), (*APIS, *POLICIES), {"copy", "promote"}),
        ((*APIS, *POLICIES), (), {"copy", "promote"}),
        ((*APIS, "view:policies"), POLICIES, set()),
        (("view:apis",), (*APIS, *POLICIES), set()),
        (APIS, APIS, set()),
    ],
)
def test_the_menu_of_an_api_leads_nobody_to_a_refusal(
    api: ApiInstance,
    production: Environment,
    here: tuple[str, ...],
    there: tuple[str, ...],
    offered: set[str],
) -> None:
    browser = browser_of(person(here=(api.environment, here), there=(production, there)))

    page = browser.get(f"/apis/{api.pk}").text

    led = {one for one in ("copy", "promote") if f'href="/apis/{api.pk}/{one}"' in page}
    answered = {one for one in ("copy", "promote") if browser.get(f"/apis/{api.pk}/{one}").status_code == 200}
    assert led == answered == offered


def test_a_role_for_one_api_copies_it_nowhere(api: ApiInstance) -> None:
    user = make_user()
    Role.objects.create(
        user=user,
        organization=api.environment.organization,
        environment=api.environment,
        api=api,
        name="api-manager",
    )
    browser = browser_of(user)

    page = browser.get(f"/apis/{api.pk}").text

    assert f"/apis/{api.pk}/copy" not in page and f"/apis/{api.pk}/promote" not in page
    assert browser.get(f"/apis/{api.pk}/copy").status_code == 403
