"""Many APIs changed at once, by the workers that `manage.py up` starts, on a real gateway."""

import re
from collections.abc import Iterator

import httpx
import pytest

from console.stack.waiting import wait_for
from tests.running import Stack
from tests.stack.client import Client

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]
MANY = 12
NOBODY = 0
"""The status where no API listens on the port."""


@pytest.fixture
def browser(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=20, follow_redirects=True) as browser:
        browser.get("/login")
        form = {"username": stack.username, "password": stack.password}
        browser.post("/login", data={**form, "csrfmiddlewaretoken": browser.cookies["csrftoken"]})
        yield browser


def status(address: str) -> int:
    try:
        return httpx.get(address, timeout=20).status_code
    except (httpx.ConnectError, httpx.ReadError):
        return NOBODY


def test_many_are_guarded_and_undeployed(stack: Stack, browser: httpx.Client) -> None:
    client = Client(stack)
    made = [client.deploy(f"many-{number}", stack.api_port, stack.echo_url) for number in range(MANY)]
    ids = [str(one["id"]) for one in made]

    where = {"environment": client.environment}

    def done(action: str, **values: str) -> str:
        token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        asked = browser.post("/apis/bulk", data={"action": action, "api": ids, **where, **token}).url.path
        change = re.search(r"/apis/bulk/[0-9a-f-]{36}", asked)[0]  # type: ignore[index]
        assert browser.post(f"{change}/start", data={**values, **token}).status_code == 200
        wait_for(lambda: f"{MANY} of {MANY} tried" in browser.get(change).text, 60, f"the end of {action}")
        return browser.get(change).text

    def answers() -> set[int]:
        return {status(f"http://127.0.0.1:{stack.api_port}/many-{number}/1") for number in range(MANY)}

    wait_for(lambda: answers() == {200}, 60, "the APIs")

    page = done("policy", **{"policy": "ip-allowlist", "config.ips": "10.0.0.1", "applies": "all"})

    assert page.count("IP Allowlist is applied.") == MANY
    wait_for(lambda: answers() == {403}, 60, "the policy on every API")
    assert "Done 12" in done("undeploy")
    wait_for(lambda: answers() in ({404}, {NOBODY}), 60, "the end of every API")
    assert "Done 12" in done("delete", confirm=f"delete {MANY}")
