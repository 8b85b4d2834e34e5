"""A visit to the console: somebody who is logged in looks at one page after the other."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.test import Client
from playwright.sync_api import Browser, BrowserContext

from tests.browser.conftest import Album
from tests.browser.inspection import WAIT_MS, Inspection


@contextmanager
def visit(
    browser: Browser, base: str, album: Album, walks: int
) -> Iterator[tuple[BrowserContext, Inspection]]:
    """Fails at its end where anything was found wrong."""
    context = browser.new_context(base_url=base, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    inspection = Inspection(page, album, walks)
    yield context, inspection
    context.close()
    assert inspection.faults == [], "\n".join(inspection.faults)


def log_in(context: BrowserContext, client: Client, base: str) -> None:
    value = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": value, "url": base}])
