"""Logging in and out, the environment one works in, and the theme."""

import pytest
from django.test import Client

from console.models import AuditEntry, Environment, Role, User
from tests.console.conftest import LogIn
from tests.factories import make_environment, make_gateway, make_organization, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


def test_a_right_password_leads_to_the_page_asked_for() -> None:
    make_user("grace", password="correct horse")

    answer = Client().post(
        "/login", {"username": "grace", "password": "correct horse", "next": "/profile"}, follow=True
    )

    assert answer.redirect_chain == [("/profile", 302)]
    assert b"grace" in answer.content


def test_login_never_leads_to_another_site() -> None:
    make_user("grace", password="correct horse")

    answer = Client().post(
        "/login", {"username": "grace", "password": "correct horse", "next": "https://evil.test/"}
    )

    assert answer["Location"] == "/"


@pytest.mark.parametrize(
    "address",
    [
        "http://testserver//evil.test/",
        "http://testserver/\\evil.test/",
        "http://testserver///evil.test",
        "//testserver//evil.test/",
        "http://testserver",
        "https://testserver/gateways",
        "http://testserver@evil.test/",
        "javascript:alert(1)",
        "evil",
        "?a",
        "log_out",
    ],
)
def test_no_spelling_of_next_leads_to_another_site(client: Client, address: str) -> None:
    themed = client.post("/theme", {"theme": "dark", "next": address})
    ended = client.post("/apis/7/deploy", headers={"referer": address})
    make_user("grace", password="correct horse")
    entered = client.post("/login", {"username": "grace", "password": "correct horse", "next": address})
    was_in = client.get("/login", {"next": address})

    assert themed["Location"] == "/"
    assert ended["Location"] == "/login?next=/"
    assert (entered["Location"], was_in["Location"]) == ("/", "/")


def test_a_page_of_ours_is_gone_back_to(client: Client) -> None:
    themed = client.post("/theme", {"theme": "dark", "next": "http://testserver/gateways?q=//x"})

    assert themed["Location"] == "/gateways?q=//x"


def test_a_wrong_password_is_said_at_the_form() -> None:
    make_user("grace", password="correct horse")

    answer = Client().post("/login", {"username": "grace", "password": "wrong"})

    assert "The name or the password is wrong" in answer.content.decode()


def test_a_deactivated_user_cannot_log_in() -> None:
    make_user("grace", password="correct horse", is_active=False)

    answer = Client().post("/login", {"username": "grace", "password": "correct horse"})

    assert answer.status_code == 200


def test_logging_out_ends_the_session(admin: Client) -> None:
    admin.post("/logout")

    assert admin.get("/profile")["Location"] == "/login?next=/profile"


def test_a_fragment_asked_for_without_a_session_is_no_login_page(client: Client) -> None:
    answer = client.get("/gateways", headers={"hx-request": "true"})

    assert (answer["HX-Refresh"], answer.content) == ("true", b"")


def test_what_is_posted_without_a_session_leads_back_to_the_page_of_its_button(client: Client) -> None:
    page = "http://testserver/apis/7?tab=1"

    answer = client.post("/apis/7/deploy", headers={"referer": page}, follow=True)

    assert answer.redirect_chain == [("/login?next=/apis/7%3Ftab%3D1", 302)]
    assert "nothing was changed" in answer.content.decode()


def test_what_is_posted_from_elsewhere_without_a_session_leads_to_the_overview(client: Client) -> None:
    answer = client.post("/apis/7/deploy", headers={"referer": "https://evil.test/apis/7"})

    assert answer["Location"] == "/login?next=/"


def test_the_switcher_changes_where_one_works(admin: Client, environment: Environment) -> None:
    other = make_environment(environment.organization, name="Production")

    answer = admin.post("/scope", {"environment": str(other.pk)}, follow=True)

    assert answer.context["scope"].environment == other


def test_the_switcher_stays_in_the_area_one_was_in(admin: Client, environment: Environment) -> None:
    gateway = make_gateway(environment)

    answer = admin.post(
        "/scope",
        {"environment": str(environment.pk)},
        headers={"referer": f"http://testserver/gateways/{gateway.pk}"},
    )

    assert answer["Location"] == "/gateways"


@pytest.mark.parametrize("wanted", ["", "nonsense", "00000000-0000-0000-0000-000000000007"])
def test_the_switcher_refuses_what_is_no_environment(admin: Client, wanted: str) -> None:
    assert admin.post("/scope", {"environment": wanted}).status_code == 404


def test_the_switcher_refuses_another_organizations_environment(admin: Client) -> None:
    foreign = make_environment(make_organization("Rival"))

    assert admin.post("/scope", {"environment": str(foreign.pk)}).status_code == 404


def test_a_role_that_was_taken_away_ends_the_scope(
    admin: Client, administrator: User, environment: Environment
) -> None:
    admin.post("/scope", {"environment": str(environment.pk)})
    administrator.roles.all().delete()

    answer = admin.get("/")

    assert "There is nothing you may see yet" in answer.content.decode()


def test_a_role_in_one_environment_shows_that_one_alone(environment: Environment, log_in) -> None:
    make_environment(environment.organization, name="Production")
    user = make_user()
    make_role(user, environment.organization, Role.Name.MANAGER, environment=environment)

    answer = log_in(user).get("/")

    groups = answer.context["scope_groups"]
    assert [[str(one) for one in group.environments] for group in groups] == [["Sandbox"]]


def test_a_business_group_stands_below_its_parent(admin: Client, environment: Environment) -> None:
    group = make_organization("Aardvarks", parent=environment.organization)
    make_environment(group, name="Sandbox")

    answer = admin.get("/")

    groups = answer.context["scope_groups"]
    assert [(str(one.organization), one.depth) for one in groups] == [("Acme", 0), ("Aardvarks", 1)]


def test_one_of_many_environments_is_found_by_typing(admin: Client, environment: Environment) -> None:
    few = admin.get("/").content.decode()
    for number in range(8):
        make_environment(environment.organization, name=f"Store {number}")

    many = admin.get("/").content.decode()

    assert "Find an environment" not in few
    assert "Find an environment" in many
    assert 'data-found="Acme Store 7"' in many


def test_the_theme_is_kept_by_the_browser_and_drawn_by_the_server(admin: Client) -> None:
    admin.post("/theme", {"theme": "dark", "next": "/profile"})

    assert b'<html lang="en" data-theme="dark">' in admin.get("/profile").content


def test_the_theme_follows_the_system_again(admin: Client) -> None:
    admin.post("/theme", {"theme": "dark"})
    admin.post("/theme", {"theme": ""})

    assert b"data-theme" not in admin.get("/profile").content


def test_a_theme_that_is_none_is_refused(admin: Client) -> None:
    assert admin.post("/theme", {"theme": '"><script>'}).status_code == 400


def test_a_password_is_changed_by_its_owner(admin: Client, administrator: User) -> None:
    answer = admin.post(
        "/profile",
        {"old_password": "secret", "new_password1": "tall-fine-oak-7", "new_password2": "tall-fine-oak-7"},
    )

    administrator.refresh_from_db()
    assert answer.status_code == 302
    assert administrator.check_password("tall-fine-oak-7")
    assert admin.get("/profile").status_code == 200
    assert AuditEntry.objects.get().diff == {"password": ["old", "new"]}


def test_what_was_logged_in_with_the_old_password_ends(
    admin: Client, administrator: User, log_in: LogIn
) -> None:
    elsewhere, rest = log_in(administrator), Rest(administrator)
    assert rest("GET", "/accounts/api/me").status_code == 200

    admin.post(
        "/profile",
        {"old_password": "secret", "new_password1": "tall-fine-oak-7", "new_password2": "tall-fine-oak-7"},
    )

    assert rest("GET", "/accounts/api/me").status_code == 401
    assert elsewhere.get("/profile").status_code == 302
