"""What people reach of another organization's things, and viewers of what they may only look at."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apis.api_test import ApiTest
from apis.bulk.models import BulkChange, BulkItem
from apis.change_set import ChangeSet
from apis.client_providers.models import ClientProvider
from apis.contracts.models import Application, ClientSecret, Contract, Tier
from apis.documents.specification import Specification
from apis.lists.models import SavedView
from apis.models import ApiInstance, PolicyBinding, Upstream
from apis.muted_finding import MutedFinding
from apis.promotions.models import Promotion, Upload
from apis.removed import Removed
from apis.revisions import store
from apis.testing import jobs
from apis.wizard_draft import WizardDraft
from console.invitations.models import Invitation
from console.models import AuditEntry, ConnectedApp, Environment, Organization, Role, User
from console.notices.models import Delivery, Destination, Notice
from console.providers.models import GroupRole, GroupTeam, IdentityProvider
from console.roles.models import CustomRole
from console.teams.models import Membership, Team
from console.tokens.models import PersonalToken
from gateways.models import Gateway, RegistrationToken, Replica
from policies import catalog
from policies.policy import CATALOG_GROUP
from tests.console.about import ABOUT
from tests.console.addresses import Address, addresses
from tests.console.conftest import LogIn
from tests.console.each import for_each
from tests.factories import (
    make_acme_source,
    make_alert,
    make_api,
    make_automated,
    make_client_provider,
    make_contract,
    make_environment,
    make_gateway,
    make_organization,
    make_policy_set,
    make_replica,
    make_role,
    make_secret,
    make_secret_group,
    make_tier,
    make_tls_context,
    make_user,
)
from tests.rest import Rest

KINDS = (
    ("notice", "notice"),
    ("delivery", "delivery"),
    ("destination", "destination"),
    ("alert", "alert"),
    ("api_add_step", "draft"),
    ("api_draft", "draft"),
    ("change_set", "change_set"),
    ("tls_context", "tls_context"),
    ("acme_source", "acme_source"),
    ("secret_group", "secret_group"),
    ("secret", "secret"),
    ("saved_view", "view"),
    ("automated_policy", "automated"),
    ("policy_set", "policy_set"),
    ("bulk_change", "bulk"),
    ("bulk_policy", "bulk"),
    ("bulk_promotion", "bulk"),
    ("gateway_token", "token"),
    ("gateway", "gateway"),
    ("personal_token", "personal_token"),
    ("environment_add", "organization"),
    ("organization", "organization"),
    ("environment", "environment"),
    ("connected_app", "app"),
    ("provider", "provider"),
    ("client_provider", "client_provider"),
    ("custom_role", "custom_role"),
    ("team", "team"),
    ("invitation", "invitation"),
    ("role", "role"),
    ("user", "user"),
    ("document", "document"),
    ("application", "application"),
    ("consumer_contract", "contract"),
    ("consumer", "application"),
    ("api_import", "upload"),
    ("api", "api"),
    ("policy_add", "api"),
)
"""What `pk` is, by how an address's name begins."""
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
NAMED = {"tag": "eu", "catalog": CATALOG_GROUP, "release": catalog.find("rate-limiting").version}
CASE = {"name": "t", "expect": {"status": 200}}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
FORM = {
    "name": "Mine",
    "type": "sandbox",
    "role": "viewer",
    "active": "0",
    "username": "mallory",
    "go": "deploy",
}


@dataclass(frozen=True)
class Place:
    """An environment with one of everything in it; `ids` by the kind of thing."""

    environment: Environment
    ids: dict[str, object]

    def path(self, address: Address) -> str:
        """The address of a thing of this place."""
        return address.filled(lambda name, _: self._id(address, name))

    def _id(self, address: Address, argument: str) -> object:
        if argument == "name":
            return "gateway" if address.name == "api_add_step" else "rate-limiting"
        is_automated = address.name.startswith("rest_automated") and argument == "policy_id"
        kind = (
            "automated"
            if is_automated
            else ABOUT.get(argument) or next(kind for start, kind in KINDS if address.name.startswith(start))
        )
        return self.ids[kind]


def make_place(name: str) -> Place:
    environment = make_environment(make_organization(name))
    owner, organization = make_user(), environment.organization
    gateway = make_gateway(environment)
    api = make_api(gateway)
    token = RegistrationToken.objects.create(
        token_hash=name, environment=environment, created_by=owner, expires_at=timezone.now()
    )
    tier = make_tier(api)
    contract = make_contract(api, status="PENDING", requested_tier=tier)
    draft = WizardDraft.objects.create(user=owner, environment=environment, step="gateway")
    ids = {
        "draft": draft.pk,
        "application": contract.application_id,
        "contract": contract.pk,
        "tier": tier.pk,
        "verb": "approve",
        "organization": organization.pk,
        "environment": environment.pk,
        "gateway": gateway.pk,
        "replica": make_replica(gateway).pk,
        "token": token.pk,
        "api": api.pk,
        "asset": api.asset_id,
        "alert": make_alert(api=api).pk,
        "upstream": Upstream.objects.create(api=api, uri="http://spare.test/").pk,
        "policy": PolicyBinding.objects.create(api=api, policy="cors", order=1).pk,
        "document": Specification.objects.create(organization=organization, name="a", text="a", size=1).pk,
        **_secrets(environment),
        "change_set": ChangeSet.objects.create(environment=environment, gateway=gateway).pk,
        "muted": MutedFinding.objects.create(api=api, code="a", place="api", reason="r").pk,
        **NAMED,
        **_bulk(api, owner),
        "view": SavedView.objects.create(user=owner, environment=environment, name="v", is_shared=True).pk,
        "automated": make_automated(environment).pk,
        "policy_set": make_policy_set(environment, apis=[api.pk]).pk,
        "user": owner.pk,
        **_people(organization, owner),
        "job": "of-nobody",
        **_promotions(api, owner),
        "removed": Removed.objects.create(
            environment=environment, kind="api", api_id=0, name="gone", saved={}
        ).pk,
        "revision": store.made([api.pk])[api.pk].short_id,
        "test": ApiTest.objects.create(api=api, name="t", position=0, case=CASE).pk,
        **_notices(owner, environment),
        **_provider(organization, name),
        "app": ConnectedApp.objects.create(name="app", organization=organization, owner=owner).pk,
    }
    return Place(environment, ids)


def _secrets(environment: Environment) -> dict[str, object]:
    group = make_secret_group(environment)
    context = make_tls_context(environment)
    source = make_acme_source(group)
    found = {"secret_group": group.pk, "secret": make_secret(group).pk, "tls_context": context.pk}
    return found | {"acme_source": source.pk}


def _notices(owner: User, environment: Environment) -> dict[str, object]:
    told = {"organization": environment.organization, "environment": environment}
    destination = Destination.objects.create(name="d", url="https://a.example/", **told)
    delivery = Delivery(way="channel", destination=destination, kind="alerts", subject="s", **told)
    delivery.save()
    notice = Notice.objects.create(user=owner, kind="alerts", subject="s")
    return {"notice": notice.pk, "destination": destination.pk, "delivery": delivery.pk}


def _provider(organization: Organization, name: str) -> dict[str, object]:
    given = {"name": "ID", "slug": name.lower(), "discovery_url": "https://id.test", "client_id": "c"}
    made = IdentityProvider.objects.create(organization=organization, **given)
    group = GroupRole.objects.create(provider=made, group="g", organization=organization, role="viewer")
    team = Team.objects.create(organization=organization, name="of a group")
    in_team = GroupTeam.objects.create(provider=made, group="g", team=team)
    judge = make_client_provider(organization)
    return {"client_provider": judge.pk, "provider": made.pk, "group": group.pk, "group_team": in_team.pk}


def _bulk(api: ApiInstance, owner: User) -> dict[str, object]:
    told = {"by": owner, "environment": api.environment, "state": "done"}
    made = BulkChange.objects.create(action="promote", **told)
    item = BulkItem.objects.create(change=made, api_key=api.pk, name=str(api))
    by_rest = BulkChange.objects.create(action="tag", **told)
    return {"bulk": made.pk, "item": item.pk, "bulk_by_rest": by_rest.pk}


def _promotions(api: ApiInstance, owner: User) -> dict[str, object]:
    made = Promotion.objects.create(api=api, told="made", left="", made_it=True)
    upload = Upload.objects.create(by=owner, environment=api.environment, name="f", state="read")
    return {"promotion": made.pk, "upload": upload.pk}


def _people(organization: Organization, owner: User) -> dict[str, object]:
    team = Team.objects.create(organization=organization, name="operators")
    member = Membership.objects.create(team=team, user=owner)
    role = CustomRole.objects.create(organization=organization, name="on call", permissions=["deploy:apis"])
    own = make_role(owner, organization)
    hour_ago = timezone.now() - timedelta(hours=1)  # later, it is too early to renew it
    told = {"organization": organization, "token_hash": f"of {organization}", "sent_at": hour_ago}
    invited = Invitation.objects.create(role="viewer", inviter=owner, **told)
    found = {"team": team.pk, "member": member.pk, "custom_role": role.pk, "role": own.pk}
    token = PersonalToken.objects.create(
        user=owner, name="t", token_hash=f"{organization}", expires_at=timezone.now() + timedelta(days=9)
    )
    return found | {"invitation": invited.pk, "personal_token": token.pk}


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


def test_no_page_of_another_organizations_thing_is_found(theirs: Place, admin: Client) -> None:
    def look(address: Address) -> None:
        for headers in ({}, {"HX-Request": "true"}):
            read = admin.get(theirs.path(address), headers=headers)
            written = admin.post(theirs.path(address), FORM, headers=headers)
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
        answer = browser.post(theirs.path(address), FORM)

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
