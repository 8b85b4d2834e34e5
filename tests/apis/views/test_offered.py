"""What a page offers is not refused: whoever may only change, only deploy, or only see to policies."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import pytest
from django.db import transaction
from django.test import Client

from apis.changes.instances import edit_api
from apis.deployment import kept
from apis.models import ApiInstance
from console.models import Environment
from console.permissions import Permission
from console.roles.models import CustomRole
from tests.apis.views.pages import Place, allow, make_saved_api, text
from tests.factories import make_role, make_user

pytestmark = pytest.mark.django_db

PAGES = ("", "/policies", "/routes", "/settings", "/deployments", "/review", "/delete", "/copy", "/tests")
LOOKS = (Permission.VIEW_POLICIES, Permission.VIEW_GATEWAYS)


@dataclass
class Offer:
    """A form with the values that it sends by itself, and the buttons that send it."""

    path: str
    sent: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)
    """(where to, name, value)"""


class Offers(HTMLParser):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path, self.forms, self.links = path, list[Offer](), list[str]()
        self.form: Offer | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form" and told.get("method") == "post":
            self.form = Offer(told.get("action") or self.path)
            self.forms.append(self.form)
        elif tag == "a" and told.get("href", "").startswith("/apis/"):
            self.links.append(told["href"])
        elif self.form and tag == "input" and "name" in told:
            is_on = told.get("type") not in ("checkbox", "radio") or "checked" in told
            if is_on and "disabled" not in told:
                self.form.sent.setdefault(told["name"], []).append(told.get("value", "on"))
        elif self.form and tag == "button" and told.get("type") != "button" and "disabled" not in told:
            where = told.get("formaction") or self.form.path
            self.form.buttons.append((where, told.get("name", ""), told.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.form = None


def somebody(environment: Environment, *permissions: str) -> Client:
    organization = environment.organization
    custom = CustomRole.objects.create(
        organization=organization, name=" ".join(permissions), permissions=[*permissions, *LOOKS]
    )
    user, client = make_user(), Client()
    make_role(user, organization, "custom", custom=custom, environment=environment)
    client.force_login(user)
    return client


def refused(client: Client, path: str) -> Iterator[str]:
    """What the page offers and then refuses."""
    found = Offers(path)
    found.feed(text(client.get(path)))
    for link in sorted(set(found.links)):
        if client.get(link).status_code == 403:
            yield f"{path}: {link}"
    for form in found.forms:
        for where, name, value in form.buttons:
            with transaction.atomic():
                answer = client.post(where, form.sent | ({name: [value]} if name else {}))
                transaction.set_rollback(True)
            if answer.status_code == 403:
                yield f"{path}: POST {where} {name}={value}"


@pytest.fixture
def pending(place: Place) -> ApiInstance:
    """Deployed, with a policy, of which something is pending."""
    api = make_saved_api(place, deploy=True)
    allow(place, api)
    edit_api(place.user, api, lambda now: replace(now, base_path="/v2"), deploy=False)
    return api


@pytest.mark.parametrize("deploys", ["on-save", "review", "second-person"])
@pytest.mark.parametrize(
    "held",
    [(Permission.MANAGE_APIS,), (Permission.DEPLOY_APIS,), (Permission.MANAGE_POLICIES,)],
    ids=["changes", "deploys", "policies"],
)
def test_nothing_that_is_offered_is_refused(
    place: Place, pending: ApiInstance, deploys: str, held: tuple[str, ...]
) -> None:
    Environment.objects.filter(pk=place.environment.pk).update(deploys=deploys)
    idle = make_saved_api(place, "Idle")
    client = somebody(place.environment, *held)

    pages = [f"/apis/{api.pk}{page}" for api in (pending, idle) for page in PAGES]
    pages = [
        page for page in (*pages, f"/gateways/{place.gateway.pk}/pending", "/apis") if _opens(client, page)
    ]

    found = [one for page in pages for one in refused(client, page)]
    assert found == [], "\n".join(found)


def _opens(client: Client, page: str) -> bool:
    return client.get(page).status_code == 200


@pytest.mark.parametrize("deploys", ["on-save", "review", "second-person"])
def test_who_may_only_deploy_deploys_from_the_review(
    place: Place, pending: ApiInstance, deploys: str
) -> None:
    Environment.objects.filter(pk=place.environment.pk).update(deploys=deploys)
    client = somebody(place.environment, Permission.DEPLOY_APIS)
    path = f"/apis/{pending.pk}/review"
    found = Offers(path)
    found.feed(text(client.get(path)))

    (form,) = [one for one in found.forms if one.path.endswith("/pending/deploy")]
    client.post(form.path, form.sent)

    pending.refresh_from_db()
    assert pending.pending_since is None
    assert not [one for one in found.forms if one.path.endswith("/pending/discard")]


def test_who_may_only_deploy_redeploys_rolls_back_and_undeploys(place: Place, pending: ApiInstance) -> None:
    client = somebody(place.environment, Permission.DEPLOY_APIS)
    page = text(client.get(f"/apis/{pending.pk}"))

    assert f'action="/apis/{pending.pk}/deploy"' in page
    assert f'action="/apis/{pending.pk}/undeploy"' in page
    assert f"/apis/{pending.pk}/delete" not in page
    assert 'value="undeploy"' in text(client.get("/apis"))
    assert 'value="delete"' not in text(client.get("/apis"))


def test_who_may_only_change_is_told_who_deploys(place: Place, pending: ApiInstance) -> None:
    client = somebody(place.environment, Permission.MANAGE_APIS)

    review, routes = (text(client.get(f"/apis/{pending.pk}/{page}")) for page in ("review", "routes"))

    assert "Whoever has the permission Deploy APIs here deploys it" in review
    assert "waits for somebody who may deploy" in routes
    assert 'value="deploy"' not in routes


def test_who_may_only_deploy_discards_nothing_by_rolling_back(place: Place, pending: ApiInstance) -> None:
    client = somebody(place.environment, Permission.DEPLOY_APIS)
    before = kept.revisions(pending).exclude(pk=pending.revision_id).get()
    path = f"/apis/{pending.pk}/revisions/{before.short_id}/rollback"

    page, answer = text(client.get(path)), client.post(path, {"discard": "on"})

    assert 'name="discard"' not in page
    assert answer.status_code == 403
    pending.refresh_from_db()
    assert (pending.base_path, pending.revision_id == before.pk) == ("/v2", False)
    assert client.post(path).status_code == 302


def test_who_may_not_change_policies_discards_no_change_of_them(place: Place, pending: ApiInstance) -> None:
    client = somebody(place.environment, Permission.MANAGE_APIS)
    allow(place, pending, "10.0.0.2")
    path = f"/apis/{pending.pk}/pending/discard"

    refused = client.post(path, follow=True)
    place.client.post(f"/apis/{pending.pk}/policies/{pending.policies.latest('pk').pk}/remove")
    client.post(path)

    assert "needs the permission Manage policies" in text(refused)
    pending.refresh_from_db()
    assert (pending.base_path, pending.pending_since) == ("/orders", None)
