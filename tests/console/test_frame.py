"""The frame around every page tells what it has to tell, whatever the page in it is about."""

import re

import pytest
from django.test import Client, RequestFactory

from console.models import Role
from console.pages.frame import frame
from tests.apis.views.pages import make_place as make_api_place
from tests.apis.views.pages import make_saved_api
from tests.console.addresses import Address
from tests.console.each import for_each
from tests.console.place import make_place
from tests.console.test_reach import PAGES
from tests.factories import make_api, make_environment, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("is_of_one_api", [True, False])
def test_the_menu_leads_nobody_to_a_refusal(is_of_one_api: bool) -> None:
    api, user, browser = make_api(), make_user(), Client()
    place = {"organization": api.environment.organization, "environment": api.environment}
    if is_of_one_api:
        Role.objects.create(user=user, name="api-manager", api=api, **place)
    else:
        Role.objects.create(user=user, name=Role.Name.VIEWER, **place)
    browser.force_login(user)
    page = browser.get("/").content.decode()
    menu = page[page.index('<ul class="side-nav">') :].partition("</ul>")[0]

    led = re.findall(r'href="([^"]+)"', menu)

    assert "/apis" in led
    assert ("/gateways" in led) == ("/alerts" in led) == (not is_of_one_api)
    assert {path: browser.get(path).status_code for path in led} == dict.fromkeys(led, 200)


@pytest.mark.parametrize("kind", ["production", "sandbox"])
def test_production_is_marked_where_one_looks_and_where_one_decides(kind: str) -> None:
    place = make_api_place(environment=make_environment(type=kind))
    api = make_saved_api(place, deploy=True)
    is_marked = kind == "production"

    pages = [place.client.get(path).content.decode() for path in ("/", "/apis", f"/apis/{api.pk}")]
    decided = place.client.get(f"/apis/{api.pk}/delete").content.decode()

    assert all(("place-mark is-production" in page) is is_marked for page in pages)
    assert all(('data-place="This is Production:' in page) is is_marked for page in pages)
    assert ("<b>This is Production:</b>" in decided) is is_marked


def test_no_page_takes_a_name_of_the_frame_for_its_own() -> None:
    """What it puts there would be shown in the place of what the frame tells."""
    place = make_place("Acme")
    browser = Client(raise_request_exception=False)
    browser.force_login(make_user(is_superuser=True))
    own = {*frame(RequestFactory().get("/")), "scope", "user", "messages"}  # type: ignore[arg-type]

    def look(address: Address) -> None:
        answer = browser.get(place.path(address))
        contexts = answer.context if isinstance(answer.context, list) else [answer.context]
        for context in filter(None, contexts):
            given = [one for one in context.dicts if isinstance(one, dict)]
            taken = [own & one.keys() for one in given if "request" not in one]
            assert not any(taken), (address.name, taken)

    for_each(PAGES, look)
