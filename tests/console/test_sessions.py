"""Sessions of users: listed with browser and address, ended by owner and administrator."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from console import tasks
from console.models import AccessToken, AuditEntry, Environment, Role, User
from console.rest import tokens
from console.sessions import browsers
from console.sessions.models import LoginSession
from console.teams.models import Team
from tests.console.conftest import LogIn
from tests.factories import make_organization, make_role, make_user

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def enter(username: str, password: str = "secret", user_agent: str = FIREFOX) -> Client:
    client = Client(headers={"user-agent": user_agent})
    client.post("/login", {"username": username, "password": password})
    return client


def test_the_profile_lists_each_browser_and_no_key(administrator: User) -> None:
    here = enter("ada")
    enter("ada", user_agent="curl/8.5")

    page = here.get("/profile").content.decode()

    assert "Firefox on Linux<small>this browser</small>" in page
    assert "curl" in page
    assert "127.0.0.1" in page
    for session in LoginSession.objects.all():
        assert session.session_key not in page


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/140.0.0.0 Safari/537.36", "Chrome on macOS"),
        ("", "Unknown browser"),
        ("a" * 5000, "a" * 40),
    ],
)
def test_a_browser_is_called_by_words(user_agent: str, words: str) -> None:
    assert browsers.browser(user_agent) == words


def test_one_session_is_ended_and_this_one_goes_on(administrator: User) -> None:
    here, there = enter("ada"), enter("ada", user_agent="curl/8.5")
    number = LoginSession.objects.get(user_agent="curl/8.5").number

    here.post(f"/profile/sessions/{number}/end")

    assert there.get("/profile").status_code == 302
    assert here.get("/profile").status_code == 200


def test_all_others_are_ended(administrator: User) -> None:
    here, *others = (enter("ada") for _ in range(3))

    here.post("/profile/sessions/end-others")

    assert [one.get("/profile").status_code for one in others] == [302, 302]
    assert here.get("/profile").status_code == 200


def test_nobody_ends_anothers_session_by_its_number(administrator: User) -> None:
    make_user("vera")
    here, theirs = enter("ada"), enter("vera")
    number = LoginSession.objects.get(user__username="vera").number

    here.post(f"/profile/sessions/{number}/end")

    assert theirs.get("/profile").status_code == 200


def test_a_changed_password_ends_the_others_at_once(administrator: User) -> None:
    here = enter("ada")
    enter("ada")
    new = {"new_password1": "tall-fine-oak-7", "new_password2": "tall-fine-oak-7"}

    here.post("/profile", {"old_password": "secret", **new})

    assert LoginSession.objects.filter(user=administrator).count() == 1
    assert here.get("/profile").status_code == 200


def test_an_administrator_ends_a_users_sessions(admin: Client, environment: Environment) -> None:
    vera = make_user("vera")
    make_role(vera, environment.organization, Role.Name.VIEWER)
    theirs = enter("vera")
    tokens.issue(vera)

    answer = admin.post(f"/administration/users/{vera.pk}/sessions/end", follow=True)

    assert "vera is logged out everywhere" in answer.content.decode()
    assert theirs.get("/profile").status_code == 302
    assert not AccessToken.objects.filter(user=vera).exists()
    assert AuditEntry.objects.get(diff__has_key="sessions").diff == {"sessions": [1, 0]}


def test_an_administrator_of_a_part_of_a_users_places_ends_nothing(
    admin: Client, environment: Environment
) -> None:
    vera = make_user("vera")
    make_role(vera, environment.organization, Role.Name.VIEWER)
    make_role(vera, make_organization("Rival"), Role.Name.VIEWER)
    theirs = enter("vera")

    answer = admin.post(f"/administration/users/{vera.pk}/sessions/end")

    assert answer.status_code == 403
    assert theirs.get("/profile").status_code == 200


def test_when_a_session_was_used_is_kept_by_the_minute(administrator: User) -> None:
    here = enter("ada")
    then = timezone.now() - timedelta(minutes=5)
    LoginSession.objects.update(last_used_at=then)

    here.get("/profile")

    assert LoginSession.objects.get().last_used_at > then + timedelta(minutes=4)


def test_a_session_of_before_the_columns_goes_on_and_gets_its_user(administrator: User) -> None:
    here = enter("ada")
    LoginSession.objects.update(number=None, user=None, began_at=None, last_used_at=None)

    assert here.get("/profile").status_code == 200

    assert LoginSession.objects.get().user == administrator


def test_expired_sessions_are_forgotten(administrator: User, log_in: LogIn) -> None:
    enter("ada")
    LoginSession.objects.update(expire_date=timezone.now() - timedelta(days=1))
    here = enter("ada")

    tasks.forget_sessions()

    assert LoginSession.objects.get().session_key == here.cookies[settings.SESSION_COOKIE_NAME].value


def test_an_administrator_does_nothing_to_a_member_of_a_team_elsewhere(
    admin: Client, environment: Environment
) -> None:
    """Nor to the password, the second factor, or the account."""
    vera = make_user("vera")
    make_role(vera, environment.organization, Role.Name.VIEWER)
    rival = make_organization("Rival")
    team = Team.objects.create(organization=rival, name="Ops")
    team.members.add(vera)
    Role.objects.create(team=team, organization=rival, name=Role.Name.VIEWER)
    page = f"/administration/users/{vera.pk}"

    asked = [
        admin.post(f"{page}/{one}") for one in ("sessions/end", "second-factor/reset", "link", "password")
    ]

    assert [answer.status_code for answer in asked] == [403] * 4
