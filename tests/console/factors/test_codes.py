"""The second factor by codes: asked for, counted once, limited; needed by organizations; reset."""

import base64
import re
import time
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.test import Client
from django.utils import timezone

from console.factors import changes, codes
from console.factors.models import LoginRule, Passkey, SecondFactor
from console.models import AccessToken, AuditEntry, ConnectedApp, Environment, Role, User
from console.notices.models import Notice
from console.rest import tokens
from console.sessions.engine import LOGIN
from console.sessions.models import LoginSession
from tests.console.conftest import LogIn
from tests.console.providers.conftest import acme, make_browser, make_provider
from tests.console.providers.conftest import enter as enter_by
from tests.factories import make_environment, make_organization, make_role, make_user
from tests.oidc_provider import Provider

__all__ = ["acme"]
pytestmark = pytest.mark.django_db


def code_of(secret: str, *, steps: int = 0) -> str:
    """What an app shows, as RFC 6238 says."""
    totp = TOTP(base64.b32decode(secret), 6, SHA1(), 30)
    return totp.generate(time.time() + 30 * steps).decode()


def set_up(user: User) -> tuple[str, list[str]]:
    """The secret in the user's app, whose code of now is used up, and the recovery codes."""
    secret = codes.new_secret()
    made = changes.set_totp(user, secret, code_of(secret, steps=-1))
    AuditEntry.objects.all().delete()
    return secret, made


def enter(username: str = "ada") -> Client:
    client = Client()
    client.post("/login", {"username": username, "password": "secret", "next": "/gateways"})
    return client


def is_in(client: Client) -> bool:
    return client.get("/profile").status_code == 200


def said(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


def test_an_app_is_set_up_by_its_first_code_and_the_recovery_codes_are_shown_once(
    admin: Client, administrator: User
) -> None:
    page = admin.get("/profile/second-factor/app")
    secret = page.context["secret"].replace(" ", "")

    answer = admin.post("/profile/second-factor/app", {"code": code_of(secret)})

    shown = re.findall(r"\b[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}\b", said(answer))
    assert 'src="data:image/svg+xml' in said(page)
    assert len(set(shown)) == 10
    factor = SecondFactor.objects.get(user=administrator)
    assert factor.has_totp
    assert not any(one in str(factor.recovery_hashes) for one in shown)
    assert shown[0] not in said(admin.get("/profile/second-factor"))
    assert AuditEntry.objects.get().diff == {"codes of an app": ["", "set up"]}


def test_the_stored_secret_is_encrypted(administrator: User) -> None:
    secret, _ = set_up(administrator)

    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT totp_secret FROM factors_secondfactor")
        assert secret not in cursor.fetchone()[0]


def test_a_wrong_first_code_sets_nothing_up(admin: Client) -> None:
    admin.get("/profile/second-factor/app")

    answer = admin.post("/profile/second-factor/app", {"code": "000000"})

    assert answer.status_code == 422
    assert not SecondFactor.objects.exists()


def test_the_login_goes_on_with_the_code_alone(administrator: User) -> None:
    secret, _ = set_up(administrator)
    browser = enter()

    before = is_in(browser)
    answer = browser.post("/login/second", {"code": code_of(secret)})

    assert not before
    assert answer["Location"] == "/gateways"
    assert is_in(browser)


@pytest.mark.parametrize("spelling", ["{0}{1}", "{0} {1}", " {0}-{1} "])
def test_a_code_may_be_typed_in_groups(spelling: str, administrator: User) -> None:
    secret, _ = set_up(administrator)
    browser, code = enter(), code_of(secret)

    browser.post("/login/second", {"code": spelling.format(code[:3], code[3:])})

    assert is_in(browser)


def test_a_code_counts_once(administrator: User) -> None:
    secret, _ = set_up(administrator)
    code = code_of(secret)
    enter().post("/login/second", {"code": code})
    browser = enter()

    answer = browser.post("/login/second", {"code": code})

    assert "was used already" in said(answer)
    assert not is_in(browser)


def test_an_earlier_code_does_not_count_after_a_later_one(administrator: User) -> None:
    secret, _ = set_up(administrator)
    enter().post("/login/second", {"code": code_of(secret, steps=1)})
    browser = enter()

    browser.post("/login/second", {"code": code_of(secret)})

    assert not is_in(browser)


@pytest.mark.parametrize(
    "code", ["", "12345", "0" * 40, "0" * 500, "①②③④⑤⑥", "\0\0\0\0\0\0", "None", "١٢٣٤٥٦"]
)
def test_what_is_no_code_does_not_count(code: str, administrator: User) -> None:
    set_up(administrator)
    browser = enter()

    browser.post("/login/second", {"code": code})

    assert not is_in(browser)


def test_a_recovery_code_counts_once(administrator: User) -> None:
    _, made = set_up(administrator)
    first, second = enter(), enter()

    first.post("/login/second", {"code": made[3].lower()})
    second.post("/login/second", {"code": made[3]})

    assert is_in(first)
    assert not is_in(second)


def test_of_who_has_no_app_a_recovery_code_is_asked_for(administrator: User) -> None:
    set_up(administrator)
    Passkey.objects.create(user=administrator, name="Laptop", credential_id=b"1", data=b"1", host="x")
    SecondFactor.objects.update(totp_since=None)
    page = said(enter().get("/login/second"))
    assert "Recovery code" in page and "your app shows" not in page


def test_guesses_are_limited_from_wherever_they_come(administrator: User) -> None:
    secret, _ = set_up(administrator)
    for _ in range(codes.MOST_FAILURES):
        enter().post("/login/second", {"code": "000000"}, REMOTE_ADDR="192.0.2.7")
    browser = enter()

    answer = browser.post("/login/second", {"code": code_of(secret)})

    assert answer.status_code == 429
    assert "Try again in 15 min." in said(answer)
    SecondFactor.objects.update(failed_at=timezone.now() - codes.WINDOW - timedelta(seconds=1))
    browser.post("/login/second", {"code": code_of(secret)})
    assert is_in(browser)


def test_without_the_password_nobody_is_asked_for_a_code(client: Client, administrator: User) -> None:
    set_up(administrator)

    assert client.get("/login/second")["Location"] == "/login"
    assert client.post("/login/second", {"code": "1"})["Location"] == "/login"


def test_the_second_step_ends_after_some_minutes_and_with_the_password(administrator: User) -> None:
    secret, _ = set_up(administrator)
    late, changed = enter(), enter()
    session = late.session
    session["pending_login"] = session["pending_login"] | {"at": time.time() - 601}
    session.save()

    late.post("/login/second", {"code": code_of(secret)})
    administrator.set_password("another")
    administrator.save()
    changed.post("/login/second", {"code": code_of(secret)})

    assert not is_in(late)
    assert not is_in(changed)


def test_the_admin_is_no_way_around_it(db: None) -> None:
    root = make_user("root", is_superuser=True, is_staff=True)
    set_up(root)
    browser = Client()

    answer = browser.post("/admin/login/?next=/admin/", {"username": "root", "password": "secret"})

    assert answer["Location"] == "/login?next=/admin/"
    assert browser.get("/admin/", follow=True).redirect_chain[-1][0] == "/login?next=/admin/"


def test_who_may_not_open_the_admin_is_told_so_and_led_in_no_circle(viewer: Client) -> None:
    assert viewer.get("/admin/", follow=True).status_code == 403


def test_rest_takes_no_password_alone_and_connected_apps_go_on(
    administrator: User, environment: Environment
) -> None:
    app = ConnectedApp(name="a", organization=environment.organization, owner=administrator)
    secret = app.renew_secret()
    app.in_every_environment = True
    app.save()
    token = tokens.issue(administrator)
    set_up(administrator)
    given = {"username": "ada", "password": "secret"}
    asked = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": secret}

    by_password = Client().post("/accounts/login", given, content_type="application/json")
    by_app = Client().post("/accounts/api/v2/oauth2/token", asked, content_type="application/json")

    assert by_password.status_code == 401
    assert "second factor" in said(by_password)
    assert by_app.status_code == 200
    assert not AccessToken.objects.filter(connected_app=None).exists()
    assert token


class TestNeeded:
    """By an organization, of its members."""

    @pytest.fixture(autouse=True)
    def rule(self, environment: Environment, administrator: User) -> None:
        changes.set_rule(administrator, environment.organization, True)

    def test_a_member_is_led_to_set_one_up_before_anything_else(self, admin: Client) -> None:
        asked = admin.get("/gateways?q=eu")
        page = admin.get(asked["Location"])

        assert asked["Location"] == "/profile/second-factor?next=%2Fgateways%3Fq%3Deu"
        assert "needs a second factor" in said(page)
        assert admin.post("/administration/users/add", {})["Location"].startswith("/profile/second-factor")
        assert admin.get("/gateways", headers={"hx-request": "true"})["HX-Refresh"] == "true"
        assert admin.get("/profile")["Location"].startswith("/profile/second-factor")
        secret = admin.get("/profile/second-factor/app").context["secret"].replace(" ", "")
        admin.post("/profile/second-factor/app", {"code": code_of(secret)})
        assert admin.get("/gateways").status_code == 200

    def test_members_of_groups_below_and_administrators_of_everything_are_concerned(
        self, environment: Environment, log_in: LogIn
    ) -> None:
        group = make_organization("Shop", parent=environment.organization)
        below, root, stranger = make_user(), make_user(is_superuser=True), make_user()
        make_role(below, group, Role.Name.VIEWER)
        make_role(stranger, make_environment(make_organization("Rival")).organization, Role.Name.VIEWER)

        assert [log_in(one).get("/gateways").status_code for one in (below, root, stranger)] == [
            302,
            302,
            200,
        ]

    def test_rest_takes_no_password_of_a_member(self) -> None:
        given = {"username": "ada", "password": "secret"}

        answer = Client().post("/accounts/login", given, content_type="application/json")

        assert answer.status_code == 401

    def test_the_last_one_stays(self, administrator: User, log_in: LogIn) -> None:
        set_up(administrator)

        answer = log_in(administrator).post("/profile/second-factor/app/remove", follow=True)

        assert "Acme needs a second factor" in said(answer)
        assert SecondFactor.objects.get().has_totp

    def test_a_provider_that_asks_itself_is_enough(self, acme: Provider, environment: Environment) -> None:
        makes = {"default_role": "viewer"}
        trusted = make_provider(acme, environment, name="Trusted", checks_second_factor=True, **makes)
        plain = make_provider(acme, environment, name="Plain", **makes)
        first, second = make_browser(), make_browser()

        enter_by(first, trusted)
        enter_by(second, plain)

        assert first.get("/gateways").status_code == 200
        assert second.get("/gateways")["Location"].startswith("/profile/second-factor")

    def test_it_is_switched_off_again(
        self, admin: Client, administrator: User, environment: Environment
    ) -> None:
        set_up(administrator)

        admin.post(
            f"/administration/organizations/{environment.organization_id}/second-factor", {"needed": "0"}
        )

        assert not LoginRule.objects.get().needs_second_factor
        assert AuditEntry.objects.get().diff == {"second factor": ["needed", "as each likes"]}


def test_a_login_by_a_provider_asks_for_it_too(acme: Provider, environment: Environment) -> None:
    provider = make_provider(acme, environment)
    enter_by(make_browser(), provider)
    secret, _ = set_up(User.objects.get(username="grace"))
    browser = make_browser()

    enter_by(browser, provider)

    assert browser.get("/profile").status_code == 302
    browser.post("/login/second", {"code": code_of(secret)})
    assert browser.get("/profile").status_code == 200
    assert browser.session["provider"]["name"] == "Acme ID"


def test_an_administrator_resets_the_one_of_a_member(admin: Client, environment: Environment) -> None:
    vera = make_user("vera")
    make_role(vera, environment.organization, Role.Name.VIEWER)
    secret, _ = set_up(vera)
    theirs = enter("vera")
    theirs.post("/login/second", {"code": code_of(secret)})

    admin.post(f"/administration/users/{vera.pk}/second-factor/reset")

    assert not is_in(theirs)
    assert is_in(enter("vera"))
    assert AuditEntry.objects.get(diff__has_key="second factor").diff == {"second factor": ["set up", ""]}
    assert Notice.objects.filter(user=vera, subject="Your second factor was reset").exists()


def test_an_administrator_of_a_part_of_a_users_places_resets_nothing(
    admin: Client, environment: Environment
) -> None:
    vera = make_user("vera")
    make_role(vera, environment.organization, Role.Name.VIEWER)
    make_role(vera, make_organization("Rival"), Role.Name.VIEWER)
    set_up(vera)

    answer = admin.post(f"/administration/users/{vera.pk}/second-factor/reset")

    assert answer.status_code == 403
    assert SecondFactor.objects.exists()


def test_an_old_session_must_prove_itself_before_it_changes_them(admin: Client, administrator: User) -> None:
    set_up(administrator)
    session = admin.session
    session[LOGIN] = session[LOGIN] | {"at": (timezone.now() - timedelta(hours=1)).isoformat()}
    session.save()

    asked = admin.post("/profile/second-factor/app/remove")
    wrong = admin.post(asked["Location"], {"password": "wrong"})
    admin.post(asked["Location"], {"password": "secret"})
    admin.post("/profile/second-factor/app/remove")

    assert asked["Location"].startswith("/profile/second-factor/confirm")
    assert wrong.status_code == 422
    assert not SecondFactor.objects.get().has_totp


def test_new_recovery_codes_end_the_old_ones(admin: Client, administrator: User) -> None:
    _, made = set_up(administrator)

    answer = admin.post("/profile/second-factor/codes")
    browser = enter()
    browser.post("/login/second", {"code": made[0]})

    assert len(answer.context["codes"]) == 10
    assert not is_in(browser)


def test_looking_costs_no_query_more(
    admin: Client, administrator: User, django_assert_num_queries: object
) -> None:
    """Whether one is needed is read with the session."""
    row = LoginSession.objects.get(user=administrator)
    with django_assert_num_queries(1):  # type: ignore[operator]
        row.get_session_store_class()(row.session_key).load()


def test_somebody_without_any_has_nothing_to_renew(admin: Client) -> None:
    assert admin.post("/profile/second-factor/codes").status_code == 302
