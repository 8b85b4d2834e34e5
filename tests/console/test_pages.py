"""What holds on every page: strict content policy, known icons, few queries, designed errors."""

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib import messages
from django.test import Client, RequestFactory
from django.urls import get_resolver, reverse

from apis.models import ApiInstance
from console.middleware.toasts import ToastMiddleware
from console.models import AuditEntry, Environment, User
from console.pages.styleguide import _icons
from policies import browse, catalog
from tests.console.each import for_each
from tests.factories import make_api, make_environment, make_gateway, make_replica, make_user

pytestmark = pytest.mark.django_db
TEMPLATES = sorted(Path(settings.BASE_DIR, "templates").rglob("*.html"))
INLINE = re.compile(
    r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)(?![^>]*application/json)"
)
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PLAIN_NAMES = re.compile(r"^[a-z_]+$")


FILES = ("apis_file", "audit_export", "private_ca_certificate")
OF_SUPERUSERS = ("mail",)


def page_names() -> list[str]:
    """Names of addresses without arguments that answer GET with a page."""
    names = [name for name in get_resolver().reverse_dict if isinstance(name, str)]
    other = ("rest_", "agent_", "healthz", "schema", "docs", "logout", "scope", "theme", *FILES)
    found = []
    for name in names:
        (pattern, *_), *_ = get_resolver().reverse_dict.getlist(name)
        if not pattern[0][1] and PLAIN_NAMES.match(name) and not name.startswith(other):
            found.append(name)
    return sorted(found)


@pytest.fixture
def full(admin: Client, environment: Environment) -> Client:
    """An administrator's browser, with something to see on the pages."""
    gateway = make_gateway(environment)
    make_replica(gateway)
    make_api(gateway)
    AuditEntry.objects.create(
        actor_name="ada",
        organization=environment.organization,
        environment=environment,
        action="update",
        object_type="gateway",
        object_id=str(gateway.pk),
        object_name=gateway.name,
        diff={"name": ["a", "b"]},
    )
    return admin


def test_every_page_obeys_the_content_policy(full: Client) -> None:
    def look(name: str) -> None:
        User.objects.update(is_superuser=name in OF_SUPERUSERS)

        answer = full.get(reverse(name), follow=True, headers=BROWSER)

        assert answer.status_code in (200, 405)
        assert INLINE.search(answer.content.decode()) is None
        assert set(re.findall(r'lucide-[\d.]+svg#([^"]+)"', answer.content.decode())) <= set(_icons())
        assert "unsafe" not in answer["Content-Security-Policy"]

    for_each(page_names(), look)


def test_no_template_holds_inline_script_or_style() -> None:
    assert [file for file in TEMPLATES if INLINE.search(file.read_text())] == []


def test_a_field_is_written_in_one_place() -> None:
    kept = {"components/_field.html", "console/styleguide/_forms.html"}
    written = {
        str(file.relative_to(Path(settings.BASE_DIR, "templates")))
        for file in TEMPLATES
        if re.search('class="field"|<label for=', file.read_text())
    }

    assert written == kept


def test_every_icon_named_in_a_template_is_in_the_sprite() -> None:
    named = {
        found
        for file in TEMPLATES
        for found in re.findall(r'{% icon "([a-z0-9-]+)"|icon(?:_name)?="([a-z0-9-]+)"', file.read_text())
    }

    assert {first or second for first, second in named} <= set(_icons())


def test_every_policys_icon_is_in_the_sprite() -> None:
    assert {policy.icon for policy in catalog.policies()} <= set(_icons())


def test_the_style_guide_shows_every_tone(admin: Client) -> None:
    page = admin.get("/styleguide/").content.decode()

    for tone in ("ok", "warn", "bad", "info"):
        assert f'class="pill {tone}"' in page
        assert f'class="notice {tone}"' in page


def test_navigation_says_where_one_is_and_counts_what_is_there(full: Client) -> None:
    page = full.get("/gateways").content.decode()

    assert re.search(r'<a href="/gateways" aria-current="page">.*?<span class="count">1</span>', page)


def test_counts_are_of_the_environment_one_works_in(admin: Client) -> None:
    make_gateway(make_environment())

    places = {place.title: place.count for place in admin.get("/profile").context["places"]}

    assert places["Runtime Manager"] == 0


def test_the_overview_tells_what_is_connected(full: Client) -> None:
    answer = full.get("/")

    overview = answer.context["overview"]
    assert (overview.gateways, overview.connected, overview.apis) == (1, 1, 1)
    assert [item.is_done for item in answer.context["checklist"]] == [True, True, False, False]


def test_the_overview_answers_htmx_with_its_figures_alone(full: Client) -> None:
    fragment = full.get("/", headers={"HX-Request": "true"}).content.decode()

    assert fragment.lstrip().startswith('<div class="stack" id="overview"')


def test_who_has_no_role_is_told_so(log_in) -> None:
    page = log_in(make_user()).get("/").content.decode()

    assert "There is nothing you may see yet" in page


def test_an_unknown_address_gets_a_designed_page(admin: Client) -> None:
    answer = admin.get("/nothing-here")

    assert answer.status_code == 404
    assert "There is nothing at this address." in answer.content.decode()


@pytest.mark.parametrize("path", ["/logout", "/theme", "/scope"])
def test_what_takes_a_button_alone_says_so_when_it_is_opened(path: str, admin: Client) -> None:
    answer = admin.get(path, headers=BROWSER)

    assert answer.status_code == 405
    assert "POST" in answer["Allow"]
    assert "This address has no page of its own." in answer.content.decode()
    assert "Opening it changed nothing." in answer.content.decode()


def test_only_who_reads_pages_gets_a_page_for_a_wrong_method(admin: Client) -> None:
    fragment = admin.get("/scope", headers={**BROWSER, "HX-Request": "true"})
    program = admin.get("/scope", headers={"Accept": "*/*"})
    rest = admin.get("/accounts/login", headers=BROWSER)
    agent = admin.get("/agent/v1/heartbeats", headers=BROWSER)

    assert {answer.status_code for answer in (fragment, program, rest, agent)} == {405}
    assert (fragment["Allow"], program["Allow"], fragment.content, program.content) == (
        "POST",
        "POST",
        b"",
        b"",
    )
    assert rest.json()["name"] == "MethodNotAllowedError"
    assert agent.json() == {"message": "use POST"}


TOO_LARGE: dict[str, Callable[[], dict[str, Any]]] = {
    "text": lambda: {"name": "x" * 6_000_000},
    "fields": lambda: {f"field{number}": "" for number in range(10_001)},
    "files": lambda: {f"file{number}": BytesIO(b"x") for number in range(101)},
}


@pytest.mark.parametrize("form", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_form_over_the_limits_is_told_them(admin: Client, form: Callable[[], dict[str, Any]]) -> None:
    answer = admin.post("/gateways/add", form())

    assert answer.status_code == 413
    told = "5.0\xa0MB of text, 10,000 fields and a file of 20.0\xa0MB. Nothing was saved."
    assert told in answer.content.decode()


def test_a_refusal_tells_why(viewer: Client) -> None:
    answer = viewer.get("/administration/users")

    assert answer.status_code == 403
    assert "Only administrators of an organization may open this page." in answer.content.decode()


def test_a_message_reaches_a_page_that_htmx_keeps(full: Client) -> None:
    def view(request):
        messages.success(request, "Saved.")
        from django.http import HttpResponse

        return HttpResponse("<p></p>")

    request = RequestFactory().get("/", headers={"HX-Request": "true"})
    answer = through(request, view)

    assert answer["HX-Trigger"] == '{"toasts": {"value": [{"text": "Saved.", "tone": "ok"}]}}'


def test_a_message_waits_for_the_page_a_redirect_opens(full: Client) -> None:
    def view(request):
        messages.success(request, "Saved.")
        from django.http import HttpResponse

        return HttpResponse(headers={"HX-Redirect": "/"})

    request = RequestFactory().get("/", headers={"HX-Request": "true"})

    assert "HX-Trigger" not in through(request, view)


def through(request, view):
    """The view's answer after the middleware that toasts depend on."""
    from django.contrib.messages.middleware import MessageMiddleware
    from django.contrib.sessions.middleware import SessionMiddleware
    from django_htmx.middleware import HtmxMiddleware

    return SessionMiddleware(MessageMiddleware(HtmxMiddleware(ToastMiddleware(view))))(request)


@pytest.mark.parametrize("path", ["/apis", "/apis/tls-contexts", "/gateways", "/search", "/policies"])
def test_a_nul_character_in_a_query_is_told_and_no_fault_of_the_console(path: str, full: Client) -> None:
    answer = full.get(path, {"q": "a\0b"}, headers=BROWSER)

    assert answer.status_code == 400
    assert "could not be understood" in answer.content.decode()


def test_a_nul_character_in_a_form_saves_nothing(full: Client) -> None:
    api = ApiInstance.objects.get()

    answer = full.post(f"/apis/{api.pk}/settings", {"label": "a\0b"})

    assert answer.status_code == 400
    assert ApiInstance.objects.get().label == api.label


@pytest.mark.parametrize("kind", ["sandbox", "production", "design"])
def test_the_header_names_the_kind_of_the_environment(
    kind: str, admin: Client, environment: Environment
) -> None:
    environment.type = kind
    environment.save()

    page = admin.get("/apis").content.decode()

    assert f'class="place-mark is-{kind}"' in page
    assert kind.capitalize() in page.split('class="place-mark')[1].split("</span>")[0]
    question = f"This is Production: {environment.organization} / {environment}."
    assert (question in page) == (kind == "production")


def test_a_documents_table_has_no_header_without_words() -> None:
    assert "<th></th>" not in browse.rendered("|  | time |\n|---|---|\n| one | two |")
