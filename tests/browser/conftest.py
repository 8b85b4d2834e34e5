"""A real Chromium: the machine's own, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium on this machine: the walkthrough in the browser is skipped")
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        # Playwright keeps an event loop in this thread, where Django would refuse the database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


class Album:
    """Takes a screenshot of what a test shows, when GATEWRIGHT_SCREENSHOTS names a folder to put them in."""

    def __init__(self) -> None:
        self.folder = os.environ.get("GATEWRIGHT_SCREENSHOTS")

    def take(self, page: Page, name: str) -> None:
        if self.folder:
            # From its top: else bars that stick are in its middle, and later clicks miss.
            page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
            page.screenshot(path=Path(self.folder, f"{name}.png"), full_page=True)


@pytest.fixture
def walks(request: pytest.FixtureRequest) -> int:
    """At how many widths the keyboard walks through each page: by day at one in turn, by night at both."""
    return 2 if request.config.getoption("--long") else 1


@pytest.fixture
def all_forms(request: pytest.FixtureRequest) -> bool:
    """Whether each policy's form is looked at both for a new one and for one that is applied."""
    return bool(request.config.getoption("--long"))


@pytest.fixture(scope="session")
def album() -> Album:
    return Album()
