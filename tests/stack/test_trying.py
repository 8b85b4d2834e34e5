"""What people try, and an API's tests, by the workers that `manage.py up` starts."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from console.stack.waiting import wait_for
from tests.running import Stack
from tests.stack.client import Client

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client(stack)


@pytest.fixture(scope="module")
def api(stack: Stack, client: Client) -> dict[str, Any]:
    return client.deploy("tried", stack.api_port, stack.echo_url)


@pytest.fixture(scope="module")
def browser(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=20, follow_redirects=True) as browser:
        browser.get("/login")
        form = {"username": stack.username, "password": stack.password}
        browser.post("/login", data={**form, "csrfmiddlewaretoken": browser.cookies["csrftoken"]})
        yield browser


def asked(browser: httpx.Client, path: str, form: dict[str, str]) -> str:
    """What the page shows in the end."""
    token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    shown = [browser.post(path, data={**form, **token}).text]

    def is_done() -> bool:
        if found := re.search(r'hx-get="([^"]+)"', shown[0]):
            shown[0] = browser.get(found[1]).text
        return "hx-get" not in shown[0]

    wait_for(is_done, 60, f"the answer of {path}")
    return shown[0]


def test_an_expression_and_a_policy_are_tried(browser: httpx.Client, api: dict[str, Any]) -> None:
    request = {"try.target": "/tried/1", "try.headers": "X-A: b"}
    value = {**request, "try.expression": "#[attributes.headers['x-a']]"}
    policy = {**request, "config.ips": "10.0.0.1", "applies": "all"}

    for _ in range(3):
        assert "&quot;b&quot;" in asked(browser, f"/apis/{api['id']}/rehearsals/evaluate", value)
        verdict = asked(browser, f"/apis/{api['id']}/policies/add/ip-allowlist/test", policy)
        assert "Refused" in verdict
        assert "403 Forbidden" in verdict


def test_tests_are_run(client: Client, api: dict[str, Any]) -> None:
    case = {"name": "open", "target": "/1", "expect": {"outcome": "upstream", "status": 200}}
    client.post(f"{client.apis}/{api['id']}/tests", case)

    client.post(f"{client.apis}/{api['id']}/test-run", {})

    run = f"{client.apis}/{api['id']}/test-run"
    wait_for(lambda: client.get(run)["state"] == "done", 60, "the run of the tests")
    assert client.get(run)["fault"] == ""
    assert [one["state"] for one in client.get(f"{client.apis}/{api['id']}/tests")] == ["passed"]
