"""What tests of rehearsals in a browser share: who does the work, and a page of somebody logged in."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, Page

from apis.tasks import rehearse
from apis.testing import jobs
from console.models import User

WAIT_MS = 30_000


@contextmanager
def working(monkeypatch: pytest.MonkeyPatch, *passed_over: Any) -> Iterator[None]:
    """Works on what pages ask for in threads, as the workers do, but for the tasks that are passed over."""
    threads: list[threading.Thread] = []

    def work(key: str) -> None:
        jobs.work(key)
        connection.close()

    def apply_async(args: tuple[str], **_: object) -> None:
        threads.append(threading.Thread(target=work, args=args))
        threads[-1].start()

    monkeypatch.setattr(rehearse, "apply_async", apply_async)
    for task in passed_over:
        monkeypatch.setattr(task, "apply_async", lambda **_: None)
    yield
    for one in threads:
        one.join()
    cache.clear()


@contextmanager
def opened(browser: Browser, user: User, base: str) -> Iterator[Page]:
    context = browser.new_context(base_url=base, reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    client = Client()
    client.force_login(user)
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": base}
    context.add_cookies([cookie])  # type: ignore[list-item]
    yield context.new_page()
    context.close()
