"""Who logs in with a generated or given password chooses their own before anything else."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from console import accounts, first_start
from console.models import Environment, Role, User
from tests.factories import make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db

NEW = {"new_password1": "plum-tree-77", "new_password2": "plum-tree-77"}


@pytest.fixture
def newcomer(environment: Environment) -> User:
    user = make_user("nina", password="given-by-ada", must_change_password=True)
    make_role(user, environment.organization, Role.Name.VIEWER)
    return user


@pytest.fixture
def browser(newcomer: User) -> Client:
    browser = Client()
    browser.post("/login", {"username": "nina", "password": "given-by-ada"})
    return browser


def test_every_page_leads_to_the_choice_and_the_choice_leads_back(browser: Client, newcomer: User) -> None:
    asked = browser.get("/gateways?q=eu")
    page = browser.get(asked["Location"])
    answer = browser.post("/password", {**NEW, "next": "/gateways?q=eu"})

    assert asked["Location"] == "/password?next=%2Fgateways%3Fq%3Deu"
    assert "only you know" in page.content.decode()
    assert answer["Location"] == "/gateways?q=eu"
    assert browser.get("/gateways").status_code == 200
    newcomer.refresh_from_db()
    assert newcomer.check_password("plum-tree-77")


def test_nothing_can_be_done_before(browser: Client) -> None:
    assert browser.post("/administration/users/add", {"username": "eve"})["Location"].startswith("/password")
    assert browser.get("/admin/")["Location"].startswith("/password")
    assert browser.get("/gateways", headers={"hx-request": "true"})["HX-Refresh"] == "true"
    assert browser.post("/logout").status_code == 302


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ({"new_password1": "given-by-ada", "new_password2": "given-by-ada"}, "the password you were given"),
        ({"new_password1": "short", "new_password2": "short"}, "too short"),
        ({"new_password1": "plum-tree-77", "new_password2": "pear-tree-77"}, "match"),
    ],
)
def test_a_password_that_will_not_do_is_refused(browser: Client, new: dict[str, str], said: str) -> None:
    assert said in browser.post("/password", new).content.decode()
    assert browser.get("/gateways").status_code == 302


def test_the_choice_leads_to_no_other_site(browser: Client) -> None:
    assert browser.post("/password", {**NEW, "next": "https://evil.test/"})["Location"] == "/"


def test_rest_says_to_choose_first(newcomer: User) -> None:
    answer = Rest(None)("POST", "/accounts/login", {"username": "nina", "password": "given-by-ada"})

    assert answer.status_code == 401
    assert "choose your own" in answer.data["message"]


def test_a_password_that_was_reset_is_one_that_was_given(
    administrator: User, environment: Environment
) -> None:
    user = make_user("otto")
    make_role(user, environment.organization, Role.Name.VIEWER)

    accounts.reset_password(administrator, user)

    user.refresh_from_db()
    assert user.must_change_password


def test_a_user_who_is_made_chooses_first(administrator: User, environment: Environment) -> None:
    user, _ = accounts.create_user(administrator, environment.organization, username="olga")

    assert user.must_change_password


def test_who_chose_before_is_not_asked(admin: Client) -> None:
    assert admin.get("/password")["Location"] == "/profile"


def test_a_start_says_what_to_log_in_with_and_whether_another_is_asked_for(tmp_path: Path) -> None:
    first = first_start.ensure_data(tmp_path)
    admin = User.objects.get()
    User.objects.update(must_change_password=False)
    upgraded = first_start.ensure_data(tmp_path).told
    accounts.set_own_password(admin, "plum-tree-77")
    chosen = first_start.ensure_data(tmp_path).told
    User.objects.all().delete()
    given = first_start.ensure_data(tmp_path, "pear-tree-77").told

    assert first.told == f"{first.password} (you then choose your own)"
    assert upgraded == first.password
    assert chosen == "the one you chose"
    assert given == "the one you gave, or that the first setup made (you then choose your own)"


def test_a_name_that_no_administrator_can_have_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWRIGHT_ADMIN_USERNAME", "ann smith")

    with pytest.raises(ImproperlyConfigured, match=r"^GATEWRIGHT_ADMIN_USERNAME: Enter a valid username"):
        first_start.ensure_data(tmp_path)
    assert not User.objects.exists() and not (tmp_path / "admin-password").exists()
