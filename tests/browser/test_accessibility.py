"""Every page, narrow and wide, dark and light: axe-core finds nothing, the keyboard reaches everything that a
pointer does and shows where it is, nothing is wider than its window, and the browser refuses nothing.
"""

from functools import partial

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Browser, Route

from console.models import Role
from tests.apis.views.pages import make_place
from tests.browser.conftest import Album
from tests.browser.gallery import Gallery, make_empty, make_gallery
from tests.browser.visit import log_in, visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800), pytest.mark.django_db(transaction=True)]

FAULTS = ("400", "400_host", "403", "403_csrf", "404", "405", "413", "500", "503")
EMPTY = ("/", "/gateways", "/apis", "/apis/add", "/apis/tls-contexts", "/analytics", "/policies/cors")


@pytest.fixture
def gallery(browser: Browser, transactional_db: None, all_forms: bool) -> Gallery:
    return make_gallery(all_forms=all_forms)


def _fulfill(body: str, route: Route) -> None:
    route.fulfill(body=body, content_type="text/html")


def test_every_page_is_for_everybody(
    gallery: Gallery, browser: Browser, live_server: object, album: Album, walks: int
) -> None:
    base, client = str(live_server), gallery.place.client

    with visit(browser, base, album, walks) as (context, inspection):
        inspection.look("/login")
        log_in(context, client, base)
        others = (path for path in gallery.pages() if not path.startswith("/apis"))
        for path, in_brief in gallery.looked_at(others):
            inspection.look(path, in_brief=in_brief)
        viewer = make_place(Role.Name.VIEWER, environment=gallery.place.environment)
        log_in(context, viewer.client, base)
        for path, in_brief in gallery.looked_at(gallery.seen_by_viewers()):
            inspection.look(path, in_brief=in_brief)
        log_in(context, client, base)
        client.post("/scope", {"environment": make_empty(gallery.place.user)})
        for path, in_brief in gallery.looked_at(EMPTY):
            inspection.look(path, in_brief=in_brief)
        for path, in_brief in gallery.looked_at(f"/fault-{fault}" for fault in FAULTS):
            body = render_to_string(f"{path.removeprefix('/fault-')}.html")
            inspection.page.route(f"**{path}", partial(_fulfill, body))
            inspection.look(path, in_brief=in_brief)
