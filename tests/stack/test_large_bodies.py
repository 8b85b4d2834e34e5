"""A body over the limits is refused in words, by the console as it really runs."""

import httpx
import pytest

from tests.running import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]


@pytest.mark.parametrize("path", ["/accounts/login", "/agent/v1/registrations"])
def test_who_sends_too_much_gets_the_answer(stack: Stack, path: str) -> None:
    body = '{"username": "' + "x" * 6_000_000 + '"}'
    headers = {"Content-Type": "application/json", "Connection": "close"}

    answer = httpx.post(stack.url + path, content=body, headers=headers, timeout=30)

    assert answer.status_code == 413
    assert answer.json()["message"]
