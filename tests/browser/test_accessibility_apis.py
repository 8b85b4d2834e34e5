"""API Manager's pages for everybody, as `test_accessibility` looks at all others."""

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import Album
from tests.browser.gallery import make_gallery
from tests.browser.visit import log_in, visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800), pytest.mark.django_db(transaction=True)]


def test_every_page_of_apis_is_for_everybody(
    browser: Browser, live_server: object, album: Album, walks: int, all_forms: bool
) -> None:
    gallery, base = make_gallery(all_forms=all_forms), str(live_server)

    with visit(browser, base, album, walks) as (context, inspection):
        log_in(context, gallery.place.client, base)
        ours = (path for path in gallery.pages() if path.startswith("/apis"))
        for path, in_brief in gallery.looked_at(ours):
            inspection.look(path, in_brief=in_brief)
