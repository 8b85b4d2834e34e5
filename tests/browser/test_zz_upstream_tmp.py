import pytest

from tests.browser.gallery import make_gallery
from tests.browser.visit import log_in, visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600), pytest.mark.django_db(transaction=True)]


def test_pages(browser, live_server, album):
    gallery, base = make_gallery(all_forms=False), str(live_server)
    with visit(browser, base, album, 2) as (context, inspection):
        log_in(context, gallery.place.client, base)
        inspection.look(f"/apis/{gallery.api.pk}/routes")
