"""Who owns an application and holds no role: what is seen and done, and what is not."""

import re

import pytest
from django.test import Client

from apis.changes import contracts, instances, removal
from apis.changes.policies import apply_policy
from apis.contracts.access import is_hidden
from apis.contracts.models import Application, ClientSecret, Contract
from console.models import User
from console.teams import changes as teams
from console.teams.models import Team
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_api, make_application, make_contract, make_role, make_tier, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def olga() -> User:
    return make_user("olga")


@pytest.fixture
def client(olga: User) -> Client:
    client = Client()
    client.force_login(olga)
    return client


@pytest.fixture
def shop(place: Place, olga: User) -> Application:
    return make_application(place.environment.organization, name="Web shop", owners=[olga])


def test_the_front_page_leads_to_the_own_applications(client: Client, shop: Application) -> None:
    page = client.get("/", follow=True)

    assert page.redirect_chain == [("/consumer", 302)]
    assert "Web shop" in text(page) and shop.client_id in text(page)


def test_the_navigation_has_nothing_that_a_role_is_needed_for(client: Client, shop: Application) -> None:
    side = text(client.get("/consumer"))
    side = side[side.index('id="side"') : side.index("</nav>", side.index('id="side"'))]

    assert re.findall(r'<a[^>]* href="(/[^"]*)"', side) == ["/", "/consumer"]


def test_what_needs_a_role_is_not_found(client: Client, place: Place, shop: Application) -> None:
    api = make_saved_api(place)
    make_contract(api, application=shop)

    for path in (
        "/applications",
        f"/applications/{shop.pk}",
        f"/applications/{shop.pk}/usage",
        f"/apis/{api.pk}",
        f"/apis/{api.pk}/contracts",
        f"/apis/{api.pk}/contracts/request",
        f"/gateways/{place.gateway.pk}",
    ):
        assert client.get(path).status_code == 404, path


def test_another_owners_application_is_not_found(client: Client, shop: Application, place: Place) -> None:
    other = make_application(place.environment.organization)
    contract = make_contract(make_saved_api(place), application=other)

    for path in (
        f"/consumer/{other.pk}",
        f"/consumer/{other.pk}/usage",
        f"/consumer/{other.pk}/secret",
        f"/consumer/{other.pk}/request",
        f"/consumer/contracts/{contract.pk}",
        f"/consumer/contracts/{contract.pk}/tier",
    ):
        assert client.get(path).status_code == 404, path
        assert client.post(path, {"overlap": "0"}).status_code == 404, path
    assert ClientSecret.objects.filter(application=other, hint="cret").exists()


def test_whoever_no_longer_owns_it_sees_it_no_more(client: Client, shop: Application) -> None:
    assert client.get(f"/consumer/{shop.pk}").status_code == 200

    shop.owners.clear()

    assert client.get(f"/consumer/{shop.pk}").status_code == 404


def test_a_member_of_an_owning_team_has_it_as_long_as_they_are_one(
    client: Client, place: Place, olga: User
) -> None:
    organization = place.environment.organization
    team = Team.objects.create(organization=organization, name="Shop people")
    shop = make_application(organization, name="Web shop")
    shop.teams.add(team)
    contract = make_contract(make_saved_api(place), application=shop)
    pages = (f"/consumer/{shop.pk}", f"/consumer/contracts/{contract.pk}", f"/consumer/{shop.pk}/secret")
    before = [client.get(path).status_code for path in pages]
    member = teams.add(None, team, olga)

    front = client.get("/", follow=True)
    page = text(client.get(f"/consumer/{shop.pk}"))
    within = [client.get(path).status_code for path in pages]
    made = client.post(
        f"/consumer/add/{organization.pk}", {"name": "App", "expires": "never", "teams": team.pk}
    )
    new = Application.objects.get(name="App")
    teams.remove(None, member)

    assert before == [404, 404, 404] and within == [200, 200, 200]
    assert "Web shop" in text(front) and "team Shop people" in page
    assert made.status_code == 200 and not new.owners.exists() and list(new.teams.all()) == [team]
    assert [client.get(path).status_code for path in pages] == [404, 404, 404]
    assert "Web shop" not in text(client.get("/consumer"))


def test_an_api_that_is_hidden_is_neither_found_nor_asked_for(
    client: Client, place: Place, shop: Application, olga: User
) -> None:
    api = make_saved_api(place, deploy=True)
    link = f"?api={api.pk}"
    path, switch = f"/consumer/{shop.pk}/request", f"/apis/{api.pk}/contracts/find"
    before = text(client.get(path))
    place.client.post(switch, {"find": "0"})

    body = {"apiId": api.pk, "acceptedTerms": True}
    asked = Rest(olga, place.environment)(
        "POST",
        f"/exchange/api/v2/organizations/{place.environment.organization_id}/applications/{shop.pk}/contracts",
        body,
    )
    after, code = text(client.get(path)), client.get(f"{path}?api={api.pk}").status_code
    managed = text(place.client.get(f"/applications/{shop.pk}/request"))
    hidden = text(place.client.get(f"/apis/{api.pk}/contracts"))
    removed = instances.delete_api(place.user, api)
    back = removal.restore_api(place.user, removed)
    still = is_hidden(back)
    place.client.post(switch, {"find": "1"})

    assert link in before and link not in after
    assert (code, asked.status_code) == (404, 400)
    assert link in managed and "Let consumers find it" in hidden
    assert still and not is_hidden(back)
    assert client.post(switch, {"find": "0"}).status_code == 404


def test_access_is_asked_for_and_waits(client: Client, place: Place, shop: Application) -> None:
    api = make_saved_api(place, deploy=True)
    tier = make_tier(api, name="Silver")

    offered = text(client.get(f"/consumer/{shop.pk}/request"))
    assert f"?api={api.pk}" in offered
    told = {"tier": tier.pk, "reason": "To sell.", "accepted_terms": "on"}
    answer = client.post(f"/consumer/{shop.pk}/request?api={api.pk}", told, follow=True)

    contract = Contract.objects.get()
    assert (contract.status, contract.requested_tier, contract.reason) == ("PENDING", tier, "To sell.")
    assert contract.accepted_terms
    assert "Somebody who manages the API decides" in text(answer)
    assert f"?api={api.pk}" not in text(client.get(f"/consumer/{shop.pk}/request"))


@pytest.mark.parametrize("state", ["deprecated", "not deployed", "of another tenant", "taken"])
def test_an_api_that_is_not_open_cannot_be_asked_for(
    client: Client, place: Place, shop: Application, state: str
) -> None:
    api = (
        make_saved_api(place, deploy=state != "not deployed") if state != "of another tenant" else make_api()
    )
    if state == "deprecated":
        api.is_deprecated = True
        api.save()
    if state == "taken":
        make_contract(api, application=shop, status="REVOKED")
    before = Contract.objects.count()

    assert f"?api={api.pk}" not in text(client.get(f"/consumer/{shop.pk}/request"))
    sent = client.post(f"/consumer/{shop.pk}/request?api={api.pk}", {"accepted_terms": "on"})

    assert sent.status_code == 404
    assert Contract.objects.count() == before


def test_terms_must_be_agreed_to(client: Client, place: Place, shop: Application) -> None:
    api = make_saved_api(place, deploy=True)

    answer = client.post(f"/consumer/{shop.pk}/request?api={api.pk}", {})

    assert answer.status_code == 422
    assert "Access is given to who agrees to this." in text(answer)
    assert not Contract.objects.exists()


@pytest.mark.parametrize("number", ["", "x", "-1", "9" * 30, "١"])
def test_an_odd_number_of_an_api_leads_to_the_choice(client: Client, shop: Application, number: str) -> None:
    answer = client.get(f"/consumer/{shop.pk}/request", {"api": number})

    assert answer.status_code == 200


def test_the_secret_is_rotated_and_shown_once(client: Client, shop: Application) -> None:
    form = text(client.get(f"/consumer/{shop.pk}/secret"))
    once = re.search(r'name="once" value="([^"]+)"', form)
    assert once

    sent = {"overlap": "24h", "once": once[1]}
    answers = [client.post(f"/consumer/{shop.pk}/secret", sent) for _ in "ab"]
    first, second = map(text, answers)
    assert [one["Cache-Control"] for one in answers] == ["no-store", "no-store"]

    secrets = [re.findall(r"data-copied>([\w-]{40,})<", page)[-1] for page in (first, second)]
    assert secrets[0] == secrets[1], "two tabs of one form see the one secret"
    assert list(shop.secrets.live().values_list("hint", flat=True)) == [secrets[0][-4:], "cret"]
    assert secrets[0] not in text(client.get(f"/consumer/{shop.pk}"))
    client.post(f"/consumer/{shop.pk}/secret/end")
    assert list(shop.secrets.live().values_list("hint", flat=True)) == [secrets[0][-4:]]


def test_hidden_limits_and_internals_are_not_told(client: Client, place: Place, shop: Application) -> None:
    api = make_saved_api(place, deploy=True)
    apply_policy(place.user, api, "client-id-enforcement", {})
    limits = [
        {"maximumRequests": 7, "timePeriodInMilliseconds": 60_000, "visible": True},
        {"maximumRequests": 654321, "timePeriodInMilliseconds": 86_400_000, "visible": False},
    ]
    tier = make_tier(api, limits=limits)
    higher = make_tier(api, name="higher", limits=limits)
    contract = make_contract(api, application=shop, tier=tier)

    for path in (
        f"/consumer/{shop.pk}",
        f"/consumer/contracts/{contract.pk}",
        f"/consumer/contracts/{contract.pk}/tier",
    ):
        page = text(client.get(path))
        assert "7 a minute" in page
        assert "654,321" not in page and "654321" not in page
        assert "backend" not in page
    assert higher.name in text(client.get(f"/consumer/contracts/{contract.pk}/tier"))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, ["-H &#x27;client_id: ID&#x27;", "-H &#x27;client_secret: CLIENT_SECRET&#x27;"]),
        ({"credentialsOriginHasHttpBasicAuthenticationHeader": "httpBasicAuthenticationHeader"}, ["-u ID:"]),
        ({"clientIdExpression": "#[attributes.headers['x-key']]"}, ["-H &#x27;x-key: ID&#x27;"]),
        ({"clientIdExpression": "#[attributes.queryParams['k']]"}, ["its owners can tell"]),
    ],
)
def test_it_is_told_how_the_api_is_called(
    client: Client, place: Place, shop: Application, config: dict[str, str], words: list[str]
) -> None:
    api = make_saved_api(place, deploy=True)
    apply_policy(place.user, api, "client-id-enforcement", config)
    contract = make_contract(api, application=shop)

    page = text(client.get(f"/consumer/contracts/{contract.pk}"))

    for one in words:
        assert one.replace("ID", shop.client_id) in page


def test_another_tier_is_asked_for_and_taken_back(client: Client, place: Place, shop: Application) -> None:
    api = make_saved_api(place, deploy=True)
    silver, gold = make_tier(api, name="Silver"), make_tier(api, name="Gold")
    contract = make_contract(api, application=shop, tier=silver)
    path = f"/consumer/contracts/{contract.pk}/tier"

    client.post(path, {"tier": gold.pk, "reason": "Christmas."})
    contract.refresh_from_db()
    assert (contract.tier, contract.requested_tier, contract.reason) == (silver, gold, "Christmas.")
    client.post(path, {"go": "back"})

    contract.refresh_from_db()
    assert (contract.tier, contract.requested_tier) == (silver, None)


def test_a_request_that_waits_is_taken_back_and_a_contract_is_not(
    client: Client, place: Place, shop: Application
) -> None:
    waits = make_contract(make_saved_api(place), application=shop, status="PENDING", approved_at=None)
    runs = make_contract(make_saved_api(place, "Other"), application=shop)

    assert client.post(f"/consumer/contracts/{waits.pk}/delete").status_code == 302
    assert client.post(f"/consumer/contracts/{runs.pk}/delete").status_code == 403

    assert list(Contract.objects.all()) == [runs]


def test_an_answer_is_read(client: Client, place: Place, shop: Application) -> None:
    contract = make_contract(make_saved_api(place), application=shop)
    contracts.revoke(place.user, contract, answer="Too many <b>errors</b>.")

    page = text(client.get(f"/consumer/contracts/{contract.pk}"))

    assert "Too many &lt;b&gt;errors&lt;/b&gt;." in page and "Access was revoked" in page


def test_another_application_is_made_where_one_is_owned(
    client: Client, shop: Application, olga: User, place: Place
) -> None:
    foreign = make_api().environment.organization

    made = client.post(f"/consumer/add/{shop.organization_id}", {"name": "App", "expires": "never"})

    assert made.status_code == 200 and "This secret is shown once" in text(made)
    assert list(Application.objects.get(name="App").owners.all()) == [olga]
    assert client.get(f"/consumer/add/{foreign.pk}").status_code == 404


def test_who_holds_a_role_has_both(place: Place, olga: User, client: Client, shop: Application) -> None:
    make_role(olga, place.environment.organization)

    assert "Overview" in text(client.get("/"))
    assert client.get(f"/applications/{shop.pk}").status_code == 200
    assert client.get(f"/consumer/{shop.pk}").status_code == 200
    found = text(client.get("/search", {"q": "web sh"}))
    assert f'href="/applications/{shop.pk}"' in found


def test_the_search_leads_an_owner_to_the_own_page(client: Client, shop: Application, place: Place) -> None:
    make_application(place.environment.organization, name="Web shop of others")

    found = text(client.get("/search", {"q": "web sh"}))

    assert f'href="/consumer/{shop.pk}"' in found
    assert "of others" not in found
