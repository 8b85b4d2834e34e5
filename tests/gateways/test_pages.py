"""Runtime Manager's pages: who sees what, who may change what, and what they say."""

import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apis.deployment.status import status_of
from console.models import AuditEntry, Environment, Role, User
from gateways import change
from gateways.models import Gateway, RegistrationToken, ResourceStatus
from tests.factories import (
    make_actor,
    make_api,
    make_environment,
    make_gateway,
    make_replica,
    make_role,
    make_user,
)

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def environment() -> Environment:
    return make_environment()


@pytest.fixture
def manager(environment: Environment) -> Client:
    return logged_in(environment, Role.Name.MANAGER)


def logged_in(environment: Environment, role: str) -> Client:
    user = make_user()
    make_role(user, environment.organization, role)
    client = Client()
    client.force_login(user)
    return client


def test_list_shows_status_and_replicas(manager: Client, environment: Environment) -> None:
    gateway = make_gateway(environment, name="edge")
    make_replica(gateway)
    make_replica(gateway, last_heartbeat_at=timezone.now() - timedelta(minutes=1))

    page = manager.get("/gateways").content.decode()

    assert "edge" in page
    assert "Connected" in page
    assert "1 of 2" in page


def test_list_tells_when_a_gateway_was_last_heard(manager: Client, environment: Environment) -> None:
    """Not when its row was last changed."""
    early, late = make_gateway(environment, name="early"), make_gateway(environment, name="late")
    make_gateway(environment, name="never")
    for gateway, ago in ((early, timedelta(minutes=9)), (late, timedelta(seconds=30))):
        make_replica(gateway, last_heartbeat_at=timezone.now() - ago)
    type(early).objects.update(updated_at=timezone.now() - timedelta(days=2))

    page = manager.get("/gateways?sort=-heard").content.decode()

    assert "Last heard" in page and "days ago" not in page
    assert page.index("30 seconds ago") < page.index("9\xa0minutes ago") < page.index(">never<")


def test_list_narrows_by_name_and_status(manager: Client, environment: Environment) -> None:
    make_replica(make_gateway(environment, name="alive"))
    make_gateway(environment, name="asleep")

    by_name = manager.get("/gateways?q=sleep").content.decode()
    by_status = manager.get("/gateways?status=Connected").content.decode()

    assert "asleep" in by_name and "alive" not in by_name
    assert "alive" in by_status and "asleep" not in by_status


def test_heading_and_replicas_are_refreshed_by_one_request(manager: Client, environment: Environment) -> None:
    gateway = make_gateway(environment)
    address = gateway.get_absolute_url()

    page = manager.get(address).content.decode()
    settings = manager.get(f"{address}/settings").content.decode()
    (asked,) = re.findall(r'id="gateway-status" hx-get="([^"]+)"', page)
    make_replica(gateway, name="eu-1a")
    fresh = manager.get(asked).content.decode()

    assert page.count("every ") == 1
    assert 'hx-select-oob="#replicas"' in page
    assert "1 of 1 replica connected" in fresh
    assert 'id="replicas"' in fresh
    assert "eu-1a" in fresh
    assert "#replicas" not in settings
    assert 'id="replicas"' not in manager.get(f"{address}/status").content.decode()


def test_token_of_others_is_not_found(manager: Client) -> None:
    token, _ = change.issue_token(make_actor(), make_environment(), "edge")

    assert manager.get(f"/gateways/tokens/{token.pk}").status_code == 404


def test_viewer_changes_nothing(environment: Environment) -> None:
    viewer = logged_in(environment, Role.Name.VIEWER)
    gateway = make_gateway(environment)
    silent = make_replica(gateway, last_heartbeat_at=timezone.now() - timedelta(minutes=1))
    address = gateway.get_absolute_url()

    codes = [
        viewer.get("/gateways/add").status_code,
        viewer.post("/gateways/add", {"name": "edge", "platform": "linux"}).status_code,
        viewer.post(f"{address}/revoke").status_code,
        viewer.post(f"{address}/delete").status_code,
        viewer.post(f"{address}/replicas/{silent.pk}/forget").status_code,
    ]

    assert codes == [403] * 5
    assert gateway.replicas.get() == silent
    assert "Forget" not in viewer.get(address).content.decode()
    assert Gateway.objects.filter(is_revoked=False).exists()
    assert not RegistrationToken.objects.exists()
    assert "Add gateway" not in viewer.get("/gateways").content.decode()


@pytest.mark.parametrize("platform", ["linux", "docker", "kubernetes"])
def test_adding_shows_commands_that_hold_the_token(
    manager: Client, environment: Environment, platform: str
) -> None:
    page = manager.post("/gateways/add", {"name": "edge", "platform": platform}).content.decode()

    token = RegistrationToken.objects.get()
    assert "registration create" in page
    assert f"--organization={environment.organization_id}" in page
    assert token.token_hash not in page
    assert f"/gateways/tokens/{token.pk}" in page


def test_the_command_runs_as_it_stands_where_only_this_machine_reaches_the_console(
    manager: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.delenv("GATEWRIGHT_CONSOLE_URL", raising=False)
    settings.CONSOLE_HOSTS = ("localhost", "console.example.com")
    own = str(Path(sys.executable).with_name("gatewright"))

    def commands(host: str) -> list[str]:
        page = manager.post("/gateways/add", {"name": "edge", "platform": "linux"}, headers={"Host": host})
        return [one.command.split()[0] for one in page.context["instructions"]]

    assert commands("localhost:8000") == [own, own]
    assert commands("console.example.com") == ["gatewright", "gatewright"]


@pytest.mark.parametrize(("name", "words"), [("Edge!", "cannot be a name"), ("taken", "exists in"), ("", "")])
def test_bad_name_is_told_at_the_field(
    manager: Client, environment: Environment, name: str, words: str
) -> None:
    make_gateway(environment, name="taken")

    answer = manager.post("/gateways/add", {"name": name, "platform": "linux"})

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not RegistrationToken.objects.exists()


def test_name_is_checked_while_it_is_typed(manager: Client) -> None:
    assert "cannot be a name" in manager.get("/gateways/add/name?name=9x", headers=HTMX).content.decode()
    assert "is free" in manager.get("/gateways/add/name?name=edge", headers=HTMX).content.decode()


def test_progress_follows_the_registration_and_then_stops_asking(
    manager: Client, environment: Environment
) -> None:
    token, _ = change.issue_token(make_actor(), environment, "edge")

    def panel() -> str:
        return manager.get(f"/gateways/tokens/{token.pk}", headers=HTMX).content.decode()

    waiting = panel()
    token.gateway, token.used_at = make_gateway(environment, name="edge"), timezone.now()
    token.save()
    registered = panel()
    make_replica(token.gateway)
    connected = panel()

    assert "Waiting for registration" in waiting and "hx-get" in waiting
    assert "Disconnected" in registered and "hx-get" in registered
    assert "Open edge" in connected and "hx-get" not in connected


def test_expired_token_offers_a_new_one(manager: Client, environment: Environment) -> None:
    token, _ = change.issue_token(make_actor(), environment, "edge")
    RegistrationToken.objects.update(expires_at=timezone.now())

    page = manager.get(f"/gateways/tokens/{token.pk}").content.decode()

    assert "Token expired" in page
    assert "Make a new token" in page


def test_delete_is_refused_while_apis_exist(manager: Client, environment: Environment) -> None:
    gateway = make_gateway(environment)
    make_api(gateway, name="orders")

    answer = manager.post(f"{gateway.get_absolute_url()}/delete", follow=True)

    assert "still has APIs: orders" in answer.content.decode()
    assert Gateway.objects.filter(pk=gateway.pk).exists()


def test_delete_is_audited(manager: Client, environment: Environment) -> None:
    gateway = make_gateway(environment)

    manager.post(f"{gateway.get_absolute_url()}/delete")

    assert not Gateway.objects.exists()
    assert AuditEntry.objects.get().action == AuditEntry.Action.DELETE


def test_revoking_is_shown_and_audited(manager: Client, environment: Environment) -> None:
    gateway = make_gateway(environment)

    page = manager.post(f"{gateway.get_absolute_url()}/revoke", follow=True).content.decode()

    assert "Revoked" in page
    assert AuditEntry.objects.get().diff == {"revoked": [False, True]}


def test_silent_replica_is_forgotten_and_apis_no_longer_wait_for_it(
    manager: Client, environment: Environment
) -> None:
    gateway = make_gateway(environment)
    api = make_api(gateway)
    live = make_replica(gateway)
    silent = make_replica(gateway, name="eu-1b", last_heartbeat_at=timezone.now() - timedelta(minutes=1))
    ResourceStatus.objects.create(
        replica=live,
        namespace=str(environment.pk),
        name=api.resource_name,
        state="applied",
        generation=api.changed_generation,
        running_generation=api.changed_generation,
        since=timezone.now(),
    )
    address = gateway.get_absolute_url()
    before = status_of(api).state

    offered = manager.get(address).content.decode()
    page = manager.post(f"{address}/replicas/{silent.pk}/forget", follow=True).content.decode()

    assert offered.count("/forget") == 1
    assert "is forgotten" in page
    assert [before, status_of(api).state] == ["Partly applied", "Active"]
    assert gateway.replicas.get() == live
    entry = AuditEntry.objects.get()
    assert (entry.object_id, entry.diff["replica"]) == (str(gateway.pk), [f"eu-1b {silent.pk}", None])


def test_connected_replica_is_not_forgotten(manager: Client, environment: Environment) -> None:
    gateway = make_gateway(environment)
    replica = make_replica(gateway)

    page = manager.post(f"{gateway.get_absolute_url()}/replicas/{replica.pk}/forget", follow=True)

    assert "is connected" in page.content.decode()
    assert gateway.replicas.exists()
    assert not AuditEntry.objects.exists()


def test_replica_of_another_gateway_is_not_found(manager: Client, environment: Environment) -> None:
    gateway, other = make_gateway(environment), make_gateway(environment)
    silent = make_replica(other, last_heartbeat_at=timezone.now() - timedelta(minutes=1))

    answer = manager.post(f"{gateway.get_absolute_url()}/replicas/{silent.pk}/forget")

    assert answer.status_code == 404
    assert other.replicas.exists()


def test_admin_shows_no_secret() -> None:
    User.objects.create_superuser("root", password="root")
    client = Client()
    client.login(username="root", password="root")
    token, _ = change.issue_token(make_actor(), make_environment(), "edge")

    page = client.get(f"/admin/gateways/registrationtoken/{token.pk}/change/").content.decode()

    assert "edge" in page
    assert token.token_hash not in page
