"""One of everything that a page can show, and every page's address, from the URLconf: none is forgotten."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import yaml
from django.utils import timezone

from apis.bulk import choosing
from apis.bulk.models import BulkChange, BulkItem
from apis.change_set import ChangeSet
from apis.changes import authorities, automated
from apis.changes.findings import mute_finding
from apis.changes.instances import delete_api, edit_api
from apis.changes.policies import apply_policy
from apis.changes.tests import add_test
from apis.desired import DesiredRoute, DesiredUpstream
from apis.lists.models import SavedView
from apis.models import ApiInstance
from apis.revision import Brought
from apis.wizard_draft import WizardDraft
from console.models import ConnectedApp, Environment, Role, User
from gateways.change import issue_token
from gateways.models import Ack, Deployment, Gateway, ResourceStatus
from gateways.protocol import cases
from gateways.protocol.upstream_settings import UpstreamSettings
from policies import catalog
from policies.policy import Policy
from tests.analytics.alerts.shown import alerts_of
from tests.analytics.traffic import NOW, Shipper, count, resource, sample
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.browser.gallery_contracts import contracts_of
from tests.browser.gallery_failing import make_failing
from tests.browser.gallery_logins import made_for_logins
from tests.browser.gallery_notices import make_notices
from tests.browser.gallery_people import made_for_people
from tests.browser.gallery_promotions import promotions
from tests.console.addresses import Address, addresses
from tests.factories import (
    make_acme_source,
    make_automated,
    make_environment,
    make_gateway,
    make_keystore,
    make_policy_set,
    make_role,
    make_secret,
    make_secret_group,
    make_tls_context,
    make_user,
)

CASES = Path(catalog.__file__).parent
SILENT = {
    "healthz",  # plain JSON, for load balancers
    "schema",  # a document to download
    *("apis_to_choose", "alert_apis", "alert_new_apis"),  # what a field suggests, shown inside of it
    "gateway_name",  # the answer of a field's check, shown inside gateway_add
    *("api_export", "private_ca_certificate"),  # files
    "api_file",
    "apis_file",
    "api_row",
    "api_rehearsal",
    "automated_rehearsal",
    "gateway_rehearsal",
    "api_review_tests",
    "api_policy_new_test",
    "api_policy_new_yaml",
    "document_operations",
    "document_state",
    "api_status",
    "api_tiles",
    "alert_new_preview",  # what forms send, to see it before it is saved
    "alert_preview",
    "gateway_status",  # parts of pages
    "audit_export",  # a file
    *("notice_open", "notice_read"),  # lead to what it is about, or back to the list
    "logout",
    "login_with",  # leads to another site
}
"""Named addresses that answer a GET with no page."""

WHOLE = "jwt-validation"
_OF_POLICY = re.compile(r"/policies/[\w-]+|/apis/\d+/policies/(add/[\w-]+|\d+)")

SETTINGS = UpstreamSettings.model_validate(
    {"hosts": [{"address": "c-1"}], "outlierDetection": {"consecutiveErrors": 5}, "retries": {"most": 1}}
)


@dataclass(frozen=True)
class Gallery:
    """The rows of one user's environment by the kind of argument that an address takes.

    A policy's form is shown for a new one or for one that is applied, in turn; `all_forms` are both.
    """

    place: Place
    api: ApiInstance
    bare: ApiInstance
    ids: dict[str, object]
    all_forms: bool = False

    def pages(self) -> Iterator[str]:
        """The path of each page, with every policy where a page is about one."""
        yield from dict.fromkeys(self._pages())

    def _pages(self) -> Iterator[str]:
        yield from ("/", "/apis")  # what fails is news for five minutes
        for address in addresses():
            if not address.name.startswith(("agent_", "rest_")) and address.name not in SILENT:
                yield from self._filled(address)
        yield from ("/apis?q=nothing", "/search?q=orders", "/search?q=nothing-at-all", "/nowhere")
        yield from (
            f"/apis/{self.bare.pk}",
            f"/apis/{self.bare.pk}/policies",
            f"/apis/{self.bare.pk}/analytics",
            f"/apis/{self.bare.pk}/findings/mute?code=no-authentication&place=api",
            f"/apis/bulk/{self.ids['bulk_promotion']}",
        )

    def looked_at(self, paths: Iterable[str]) -> Iterator[tuple[str, bool]]:
        """Each page that is looked at, and whether in brief.

        By night all are, whole. By day one of twenty, and of policies' pages one of each kind; one more of
        twenty in brief.
        """
        whole = self._whole()
        for path in paths:
            share = crc32(path.encode()) % 20
            if self.all_forms or path in whole or (share == 0 and not _OF_POLICY.fullmatch(path)):
                yield path, False
            elif share == 1:
                yield path, True

    def _whole(self) -> set[str]:
        """The pages of a policy with lists, sections and expressions in its form, and a long text."""
        return {
            f"/apis/{self.api.pk}/policies/add/{WHOLE}",
            f"/policies/{WHOLE}",
            *(f"/apis/{self.api.pk}/policies/{one.pk}" for one in self.api.policies.filter(policy=WHOLE)),
        }

    def seen_by_viewers(self) -> Iterator[str]:
        """What looks otherwise to those who may change nothing."""
        yield from (f"/apis/{self.api.pk}/{page}" for page in ("policies", "routes", "settings", "tests"))
        yield f"/apis/{self.api.pk}/policies/{self.api.policies.all()[0].pk}"

    def _filled(self, address: Address) -> Iterator[str]:
        names = {name for name, _ in address.arguments}
        if address.name in ("api_policy_new", "policy"):
            for policy in self._in_turn(0) if address.name == "api_policy_new" else catalog.policies():
                yield address.filled(
                    lambda name, _, policy=policy: policy.name if name == "name" else self.api.pk
                )  # type: ignore[misc]
        elif address.name == "api_add_step":
            for step in ("gateway", "api", "downstream", "upstream", "review"):
                yield address.filled(lambda name, _, step=step: step if name == "name" else self.ids["draft"])  # type: ignore[misc]
        elif "binding" in names:
            named = self.api.policies.filter(policy__in=[one.name for one in self._in_turn(1)])
            for pk in (named if address.name == "api_policy" else named[:1]).values_list("pk", flat=True):
                yield address.filled(lambda name, _, pk=pk: pk if name == "binding" else self.api.pk)  # type: ignore[misc]
        else:
            yield address.filled(lambda name, _: self._id(address.name, name))

    def _in_turn(self, first: int) -> tuple[Policy[Any], ...]:
        every = catalog.policies()
        turn = tuple(one for at, one in enumerate(every) if at % 2 == first or one.name == WHOLE)
        return every if self.all_forms else turn

    def _id(self, address: str, argument: str) -> object:
        kinds = sorted(self.ids, key=len, reverse=True)
        if argument == "pk":
            argument = next((kind for kind in kinds if address.startswith(kind)), "")
        assert argument in self.ids, (
            f"say in make_gallery what {address} is about, or in SILENT that it is no page"
        )
        return self.ids[argument]


def make_gallery(*, all_forms: bool = False) -> Gallery:
    """Of an administrator who also works in an empty environment, which is chosen by whoever asks for it."""
    place = make_place(Role.Name.ADMINISTRATOR)
    user, environment, gateway = place.user, place.environment, place.gateway
    make_gateway(environment, name="away")
    gateway.replicas.update(last_heartbeat_at=timezone.now() + timedelta(hours=1))
    api = make_saved_api(place, deploy=True, routes=_routes())
    _all_policies(user, api)
    bare = make_saved_api(place, "Payments", base_path="/payments", tags=["public"])
    _traffic(api)
    _deployed(api, gateway)
    refunds = make_saved_api(place, "Refunds", base_path="/refunds/v1", label="nightly", deploy=True)
    make_failing(refunds)
    for one in (api, refunds):
        edit_api(user, one, lambda it: replace(it, base_path=f"{it.base_path}/new"), deploy=False)
    viewer = make_user("vera")
    role = make_role(viewer, environment.organization, Role.Name.VIEWER)
    assert api.revision is not None
    app = ConnectedApp.objects.create(name="pipeline", organization=environment.organization, owner=user)
    draft = _draft(user, place).pk
    ids: dict[str, object] = {
        "api": api.pk,
        "alert": alerts_of(place, api),
        **_automated(place),
        "policy_set": _policy_set(bare),
        **contracts_of(api, user),
        "test": add_test(user, api, cases.read("{name: a, expect: {status: 200}}")[0]).pk,
        "revision": api.revision.short_id,
        **promotions(user, api),
        "removed": delete_api(user, make_saved_api(place, "Gone", base_path="/gone")).pk,
        "muted": mute_finding(user, api, "authentication-partial", "api", "The rest is for all.").pk,
        **dict.fromkeys(("policy", "policy_add"), api.pk),
        **_bulk_changes(place, api, bare),
        **make_notices(place),
        "saved_view": _view(place).pk,
        "change_set": _change_set(place, api).pk,
        **_secrets(environment, user),
        "gateway": gateway.pk,
        "gateway_token": issue_token(user, environment, "later")[0].pk,
        "replica": gateway.replicas.get().pk,
        **dict.fromkeys(("organization", "environment_add"), environment.organization_id),
        "environment": environment.pk,
        "user": viewer.pk,
        **made_for_logins(place),
        "role": role.pk,
        **made_for_people(place, viewer),
        "connected_app": app.pk,
        **dict.fromkeys(("api_draft", "draft", "api_add_step"), draft),
    }
    return Gallery(place, api, bare, ids, all_forms)


def _all_policies(user: User, api: ApiInstance) -> None:
    for policy in catalog.policies():
        apply_policy(
            user,
            api,
            policy.name,
            example(policy.name),
            conditions=_conditions(policy.has_conditions),
            upstreams=[one.pk for one in api.upstreams.all()] if policy.is_outbound else [],
        )


def _policy_set(api: ApiInstance) -> int:
    policy_set = make_policy_set(api.environment, name="Public", apis=[api.pk], description="Seen by all.")
    make_automated(api.environment, policy_set=policy_set, label="of the set")
    return policy_set.pk


def _secrets(environment: Environment, owner: User) -> dict[str, object]:
    """A keystore that a TLS context serves with, and a password."""
    group = make_secret_group(environment, name="shop")
    keystore = make_keystore(group, "shop.example.com", name="shop.example.com")
    make_tls_context(environment, name="shop", keystore=keystore, **keystore.content)
    make_secret(group, name="database", ends_on=timezone.now().date(), expires_at=timezone.now())
    context = make_tls_context(environment, name="edge").pk
    authorities.begin(owner, environment)
    authorities.issue_once(owner, environment, "orders", ["orders.internal"], 30)
    source = make_acme_source(group, state="failed", trouble="The CA cannot be reached: Timeout.").pk
    found = {"secret": keystore.pk, "tls_context": context, "acme_source": source}
    return {"secret_group": group.pk, **found}


def _automated(place: Place) -> dict[str, object]:
    make_automated(place.environment, policy="client-id-enforcement", config={}, mode="observe", names="*")
    rule = {"tags": ["public"], "gateways": [place.gateway.pk]}
    made = make_automated(place.environment, label="everybody", **rule)
    automated.delete(place.user, make_automated(place.environment, label="of last week"))
    return {"automated_policy": made.pk, "name": made.policy}


def _change_set(place: Place, api: ApiInstance) -> ChangeSet:
    """With which the last change of the API came."""
    made = ChangeSet.objects.create(
        environment=place.environment, gateway=place.gateway, actor_name=place.user.username, comment="CR-7"
    )
    ApiInstance.objects.filter(pk=api.pk).update(change_set=made)
    last = Brought.objects.filter(api=api).latest("generation")
    Brought.objects.filter(pk=last.pk).update(change_set=made)
    return made


def _bulk_changes(place: Place, *apis: ApiInstance) -> dict[str, object]:
    """One that went on and one that is to be begun."""
    going = BulkChange.objects.create(
        by=place.user, environment=place.environment, action="tag", told="eu", state="running"
    )
    for api, state in zip(apis, ("done", "failed"), strict=True):
        BulkItem.objects.create(change=going, api_key=api.pk, name=str(api), state=state, words="Told.")
    asked = choosing.ask(place.user, place.environment, "policy", [api.pk for api in apis])
    return {"bulk_change": going.pk, "bulk_policy": asked.pk}


def _view(place: Place) -> SavedView:
    told = {"name": "In Europe", "query": "tag=eu&sort=-name", "is_shared": True}
    return SavedView.objects.create(user=place.user, environment=place.environment, **told)


def _routes() -> list[DesiredRoute]:
    """With weights, a rule of each kind, and an upstream that is TLS."""
    return [
        DesiredRoute(
            "canary",
            "GET|POST",
            "/v2(/.*)",
            upstreams=[DesiredUpstream("http://a/", "a", 90), DesiredUpstream("http://b/", "b", 10)],
        ),
        DesiredRoute(
            headers={"x-beta": "yes"}, upstreams=[DesiredUpstream("https://c/", "c", 100, settings=SETTINGS)]
        ),
    ]


def make_empty(user: User) -> str:
    """The key of another environment of the user's, with nothing in it."""
    environment = make_environment(name="Empty", type="production")
    make_role(user, environment.organization, Role.Name.ADMINISTRATOR)
    return str(environment.pk)


def example(policy: str) -> dict[str, object]:
    """A configuration of the policy: the largest of its accepted cases."""
    folder = CASES / policy.replace("-", "_")
    cases = [yaml.safe_load(case.read_text()) for case in sorted(folder.glob("cases/*.yaml"))]
    given = [case["given"] for case in cases if "errors" not in case["expect"]]
    return dict(max(given, key=lambda one: len(str(one))))


def _conditions(is_resource_level: bool) -> list[dict[str, str]]:
    return [{"methodRegex": "GET", "uriTemplateRegex": "/admin/.*"}] if is_resource_level else []


def _draft(user: User, place: Place) -> WizardDraft:
    values = {
        "gateway": {"gateway": str(place.gateway.pk)},
        "api": {
            "mode": "new",
            "asset": {"name": "Stock", "type": "rest-api", "api_version": "v1", "version": "1.0.0"},
        },
        "downstream": {"protocol": "http", "port": 8081, "base_path": "/stock"},
        "upstream": {"mode": "simple", "uri": "http://backend:8080/orders/17"},
    }
    return WizardDraft.objects.create(
        user=user, environment=place.environment, title="Stock", step="upstream", values=values
    )


def _traffic(api: ApiInstance) -> None:
    Shipper(api).ship(
        count(api, 90, us=2000, route="main", service=f"{api.resource_name}-0123abcd"),
        count(api, 8, status=401, policy="http-basic-authentication", upstream={}),
        count(api, 2, status=503, method="POST"),
        resources=(resource(api, 100, server_errors=2),),
        samples=(
            sample(api, path="/orders/7", at=NOW - 1.0),
            sample(api, path="/orders/8", status=503, at=NOW - 2.0),
        ),
    )


def _deployed(api: ApiInstance, gateway: Gateway) -> None:
    """Two deployments: one in force, one that a replica refused."""
    replica = gateway.replicas.get()
    for generation, applied in ((1, True), (2, False)):
        deployment = Deployment.objects.create(
            gateway=gateway, generation=generation, digest="d", resources_count=3
        )
        reason = "" if applied else "port 8081 is taken by another program"
        Ack.objects.create(deployment=deployment, replica=replica, applied=applied, reason=reason)
    ResourceStatus.objects.create(
        replica=replica,
        namespace=str(api.environment_id),
        name=api.resource_name,
        state="refused",
        reason="port 8081 is taken by another program",
        generation=gateway.generation,
        since=timezone.now(),
    )
