"""What people reach of another organization's things, and viewers of what they may only look at."""

import pytest
from django.http import HttpResponse
from django.test import Client

from apis.client_providers.models import ClientProvider
from apis.contracts.models import Application, ClientSecret, Contract, Tier
from apis.lists.models import SavedView
from apis.models import ApiInstance
from apis.testing import jobs
from console.invitations.models import Invitation
from console.models import AuditEntry, ConnectedApp, Environment, Role, User
from console.notices.models import Delivery, Destination, Notice
from console.providers.models import GroupRole, GroupTeam, IdentityProvider
from console.tokens.models import PersonalToken
from gateways.models import Gateway, Replica
from tests.console.about import ABOUT
from tests.console.addresses import Address, addresses
from tests.console.conftest import LogIn
from tests.console.each import for_each
from tests.console.place import Place, make_place
from tests.factories import make_role, make_user
from tests.rest import Rest

KEPT = (
    (ApiInstance, "api"),
    (Replica, "replica"),
    (Role, "role"),
    (ConnectedApp, "app"),
    (IdentityProvider, "provider"),
    (ClientProvider, "client_provider"),
    (GroupRole, "group"),
    (GroupTeam, "group_team"),
    (Application, "application"),
    (Tier, "tier"),
)
OWN = dict.fromkeys(("rest_applications", "rest_exchange_applications", "rest_saved_views"), (400,))
FOR_WHOEVER_SEES = OWN | {"rest_pin": (201, 204)}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def is_about_something(address: Address) -> bool:
    return any(name == "pk" or name in ABOUT for name, _ in address.arguments)


ABOUT_SOMETHING = [address for address in addresses() if is_about_something(address)]
PAGES = [address for address in ABOUT_SOMETHING if not address.name.startswith("rest_")]
REST = [address for address in ABOUT_SOMETHING if address.name.startswith("rest_")]


@pytest.fixture
def theirs(db: None) -> Place:
    return make_place("Rival")


def gave_way(answer: HttpResponse) -> bool:
    """As pages read it that wait for a rehearsal, and so of one that is none of their user's."""
    return jobs.REPLACED in answer.content.decode()


def test_no_page_of_another_organizations_thing_is_found(
    theirs: Place, admin: Client, request: pytest.FixtureRequest
) -> None:
    """By night as scripts ask too."""
    heads = [{}, {"HX-Request": "true"}] if request.config.getoption("--long") else [{}]

    def look(address: Address) -> None:
        for headers in heads:
            read = admin.get(theirs.path(address), headers=headers)
            written = admin.post(theirs.path(address), theirs.form(address), headers=headers)
            assert read.status_code in (404, 405) or gave_way(read)
            assert written.status_code == 404 or gave_way(written)
        nothing_changed(theirs)

    for_each(PAGES, look)


def test_rest_finds_nothing_of_another_organization(
    theirs: Place, administrator: User, environment: Environment
) -> None:
    ours = Place(
        environment,
        theirs.ids | {"organization": environment.organization_id, "environment": environment.pk},
    )
    rest = Rest(administrator)

    def look(address: Address) -> None:
        places = (
            [theirs, ours]
            if {"api_id", "gateway_id", "context_id", "group_id"} & dict(address.arguments).keys()
            else [theirs]
        )
        for place in places:
            for method in METHODS:
                assert rest(method, place.path(address), {}).status_code in (404, 405)
        nothing_changed(theirs)

    for_each(REST, look)


def test_a_viewer_changes_nothing_on_a_page(theirs: Place, log_in: LogIn) -> None:
    viewer = make_user()
    make_role(viewer, theirs.environment.organization, Role.Name.VIEWER)
    browser = log_in(viewer)

    def look(address: Address) -> None:
        answer = browser.post(theirs.path(address), theirs.form(address))

        assert answer.status_code in (200, 302, 403, 404, 405)
        nothing_changed(theirs)

    for_each(PAGES, look)


def test_a_viewer_changes_nothing_by_rest(theirs: Place) -> None:
    viewer = make_user()
    make_role(viewer, theirs.environment.organization, Role.Name.VIEWER)
    rest = Rest(viewer)

    def look(address: Address) -> None:
        refusals = (403, 404, 405, *FOR_WHOEVER_SEES.get(address.name, ()))
        for method in METHODS[1:]:
            assert rest(method, theirs.path(address), {}).status_code in refusals
        nothing_changed(theirs)

    for_each(REST, look)


def nothing_changed(place: Place) -> None:
    gateway = Gateway.objects.get(pk=place.ids["gateway"])
    assert (gateway.generation, gateway.is_revoked) == (0, False)
    assert Contract.objects.filter(pk=place.ids["contract"], status="PENDING").exists()
    assert ClientSecret.objects.filter(application=place.ids["application"], hint="cret").exists()
    for model, kind in KEPT:
        assert model.objects.filter(pk=place.ids[kind]).exists()
    assert Destination.objects.filter(pk=place.ids["destination"], name="d").exists()
    assert Notice.objects.get(pk=place.ids["notice"]).read_at is None
    assert Delivery.objects.get().is_waiting
    assert Invitation.objects.get(pk=place.ids["invitation"]).is_open
    assert PersonalToken.objects.live().filter(pk=place.ids["personal_token"]).exists()
    assert SavedView.objects.filter(pk=place.ids["view"], name="v", query="").exists()
    assert User.objects.get(pk=place.ids["user"]).is_active
    assert not AuditEntry.objects.exists()
