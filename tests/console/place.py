"""An environment with one of everything in it, and the addresses of these things."""

import time
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from apis.api_test import ApiTest
from apis.bulk.models import BulkChange, BulkItem, Plan
from apis.change_set import ChangeSet
from apis.changes import removal
from apis.documents.specification import Specification
from apis.lists.models import SavedView
from apis.models import ApiInstance, PolicyBinding, Route, Upstream
from apis.muted_finding import MutedFinding
from apis.portable.rows import portable_of
from apis.portable.wanted import PARTS
from apis.promotions.models import Promotion, Upload
from apis.revisions import store
from apis.secret_groups import issuing
from apis.secret_groups.authority import Authority
from apis.testing import jobs
from apis.wizard_draft import WizardDraft
from console.invitations.models import Invitation
from console.models import ConnectedApp, Environment, Organization, User
from console.notices.models import Delivery, Destination, Notice
from console.providers.models import GroupRole, GroupTeam, IdentityProvider
from console.roles.models import CustomRole
from console.teams.models import Membership, Team
from console.tokens.models import PersonalToken
from gateways.models import Gateway, RegistrationToken
from policies import catalog
from policies.policy import CATALOG_GROUP
from tests.console.about import ABOUT
from tests.console.addresses import Address
from tests.factories import (
    make_acme_source,
    make_alert,
    make_api,
    make_automated,
    make_client_provider,
    make_contract,
    make_environment,
    make_gateway,
    make_keystore,
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
    ("bulk_policy", "bulk_to_begin"),
    ("bulk_promotion", "planned"),
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
INSTEAD = {
    ("api_policy_removed", "removed"): "removed_policy",
    ("api_rehearsal", "job"): "job_of_api",
    ("automated_policy_removed", "removed"): "removed_automated",
    ("bulk_promotion_api", "item"): "planned_item",
    ("gateway_rehearsal", "job"): "job_of_gateway",
    ("rest_api_alert", "alert_id"): "alert_of_old",
    ("rest_certificate", "secret_id"): "certificate",
    ("rest_deleted_automated_policy_restore", "removed_id"): "removed_automated",
    ("rest_deleted_policy_restore", "removed_id"): "removed_policy",
    ("rest_import_take", "at"): "first",
    ("rest_keystore", "secret_id"): "keystore",
    ("rest_promotions_api", "api_id"): "planned_api",
    ("rest_promotions_api", "promotions"): "planned",
    ("rest_promotions_one", "promotions"): "planned",
    ("rest_promotions_start", "promotions"): "planned",
    ("rest_rehearsal", "key"): "job_of_api",
    ("rest_rehearsal_on_gateway", "key"): "job_of_gateway",
    ("rest_secret_tls_context", "context_id"): "context_of_group",
    ("rest_truststore", "secret_id"): "truststore",
}
"""What an argument of one address is, where it is another thing than elsewhere."""
QUERIES = {"apis_file": "?api={api}", "rest_revisions_compare": "?from={revision}&to=saved"}
FORMS = {"bulk_promotion_where": {"environment": "environment"}, "private_ca_replace": {"step": "prepare"}}
"""More than FORM: what an address cannot do without. Of `environment` the kind of thing."""
PLANNED = {"takes_unknown": True, "keeps_secrets": False, "parts": list(PARTS)}
NAMED = {"tag": "eu", "catalog": CATALOG_GROUP, "release": catalog.find("rate-limiting").version}
CASE = {"name": "t", "expect": {"status": 200}}
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
        query = QUERIES.get(address.name, "").format_map(self.ids)
        return address.filled(lambda name, _: self._id(address, name)) + query

    def form(self, address: Address) -> dict[str, object]:
        """What is posted there."""
        more = FORMS.get(address.name, {})
        return FORM | {name: self.ids.get(told, told) for name, told in more.items()}

    def _id(self, address: Address, argument: str) -> object:
        if argument == "name":
            return "gateway" if address.name == "api_add_step" else "rate-limiting"
        if kind := INSTEAD.get((address.name, argument)):
            return self.ids[kind]
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
    api = _api(organization, gateway)
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
        "alert_of_old": make_alert(api=api, type="requests").pk,
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
        **dict.fromkeys(("job", "job_of_api", "job_of_gateway"), "of-nobody"),
        **_promotions(api, owner),
        **_planned(environment, owner),
        **_removed(api, owner),
        "revision": store.made([api.pk])[api.pk].short_id,
        "test": ApiTest.objects.create(api=api, name="t", position=0, case=CASE).pk,
        **_notices(owner, environment),
        **_provider(organization, name),
        "app": ConnectedApp.objects.create(name="app", organization=organization, owner=owner).pk,
    }
    return Place(environment, ids)


def handed(place: Place, user: User) -> Place:
    """What is somebody's own is this user's: drafts, files, promotions that are planned, rehearsals."""
    for model in (BulkChange, Upload):
        model.objects.filter(environment__organization=place.environment.organization).update(by=user)
    WizardDraft.objects.filter(environment=place.environment).update(user=user)
    kinds = ("environment", "api", "gateway")
    return Place(place.environment, place.ids | {_job_kind(one): _job(place, user, one) for one in kinds})


def _job_kind(of: str) -> str:
    return "job" if of == "environment" else f"job_of_{of}"


def _job(place: Place, user: User, of: str) -> str:
    """A rehearsal that waits for a worker."""
    key = f"{of}-of-{user.pk}"
    job = {"user": str(user.pk), "kind": "rehearse", "state": "waiting", "asked_at": time.time(), "lines": []}
    api = place.ids["api"] if of == "api" else 0
    jobs._keep(key, job | {"api": api, "shown": {of: str(place.ids[of])}})
    return key


def _api(organization: Organization, gateway: Gateway) -> ApiInstance:
    """Deployed a moment ago, of an asset that has a document."""
    api = make_api(gateway, deployed_at=timezone.now())
    told = {"name": "orders.json", "text": "{}", "size": 2, "state": "accepted"}
    api.asset.specification = Specification.objects.create(organization=organization, **told)
    api.asset.save()
    return _routed(api)


def _routed(api: ApiInstance) -> ApiInstance:
    upstream = Upstream.objects.create(api=api, uri="http://backend.test/")
    Route.objects.create(api=api, position=0).targets.create(upstream=upstream)
    return api


def _removed(api: ApiInstance, owner: User) -> dict[str, object]:
    policy = PolicyBinding.objects.create(api=api, policy="cors", order=2)
    automated, gone = make_automated(api.environment), make_api(api.gateway)
    found = {
        "removed": removal.keep_api(owner, gone).pk,
        "removed_policy": removal.keep_policy(owner, policy).pk,
        "removed_automated": removal.keep_automated(owner, automated).pk,
    }
    for row in (policy, automated, gone):
        row.delete()
    return found


def _planned(target: Environment, owner: User) -> dict[str, object]:
    """A promotion to this environment, of an API of another one; a bulk change that is to begin."""
    source = make_environment(target.organization)
    api = _routed(make_api(make_gateway(source)))
    told = {"by": owner, "environment": source, "values": PLANNED | {"environment": str(target.pk)}}
    change = BulkChange.objects.create(action="promote", **told)
    item = BulkItem.objects.create(change=change, api_key=api.pk, name=str(api))
    Plan.objects.create(item=item, state="ready")
    begin = BulkChange.objects.create(action="policy", by=owner, environment=target)
    found = {"planned": change.pk, "planned_item": item.pk, "planned_api": api.pk}
    return found | {"bulk_to_begin": begin.pk}


def _secrets(environment: Environment) -> dict[str, object]:
    group = make_secret_group(environment)
    context = make_tls_context(environment)
    source = make_acme_source(group)
    found = {"secret_group": group.pk, "secret": make_secret(group).pk, "tls_context": context.pk}
    content = {"store": "", "certificate": ""}
    for kind in ("certificate", "truststore"):
        found[kind] = make_secret(group, kind=kind, type="PEM", content=content, told={}).pk
    found["keystore"] = make_keystore(group).pk
    found["context_of_group"] = make_tls_context(environment, group=group).pk
    ca = issuing.authority("CA")
    told = {"certificate": ca.certificate, "key": ca.key, "expires_at": ca.expires_at}
    Authority.objects.create(environment=environment, number=1, state="current", **told)
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
    by_rest = BulkChange.objects.create(action="tag", values={"tags": ["eu"]}, **told)
    BulkItem.objects.create(change=by_rest, api_key=api.pk, name=str(api), state="failed")
    return {"bulk": made.pk, "item": item.pk, "bulk_by_rest": by_rest.pk}


def _promotions(api: ApiInstance, owner: User) -> dict[str, object]:
    made = Promotion.objects.create(api=api, told="made", left="", made_it=True)
    told = {"by": owner, "environment": api.environment, "name": "f", "apis": [portable_of(api).plain]}
    upload = Upload.objects.create(state="read", **told)
    return {"promotion": made.pk, "upload": upload.pk, "first": 0}


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
