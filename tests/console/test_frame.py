"""The frame around every page tells what it has to tell, whatever the page in it is about."""

import pytest
from django.test import Client, RequestFactory

from console.pages.frame import frame
from tests.console.addresses import Address
from tests.console.each import for_each
from tests.console.test_reach import PAGES, make_place
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_no_page_takes_a_name_of_the_frame_for_its_own() -> None:
    """What it puts there would be shown in the place of what the frame tells."""
    place = make_place("Acme")
    browser = Client(raise_request_exception=False)
    browser.force_login(make_user(is_superuser=True))
    own = {*frame(RequestFactory().get("/")), "scope", "user", "messages"}  # type: ignore[arg-type]

    def look(address: Address) -> None:
        answer = browser.get(place.path(address))
        for context in answer.context or ():
            given = [one for one in context.dicts if isinstance(one, dict)]
            taken = [own & one.keys() for one in given if "request" not in one]
            assert not any(taken), (address.name, taken)

    for_each(PAGES, look)
