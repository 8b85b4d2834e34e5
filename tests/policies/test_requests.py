"""Requests through each policy: `given` a configuration, `requests` with the verdict that each is to have.

Files lie in a policy's cases/requests. All of them share one rehearsal, where each is an API of its own.
`documents` are what policies find in the network, by URL, and of each URL the same in all files. A request's
`each` names a header and values: it is one request for each value. In `expect`, headers of the request that
is `sent` on and of the `answer` have their value, a list of several, or null for none.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from gateways.agent.rehearsal.rehearsal import Rehearsal
from gateways.protocol.rehearsal import Played, Request, Verdict
from gateways.protocol.resources import RESOURCE, AnyResource
from policies.catalog import FOLDER

pytestmark = pytest.mark.envoy
FILES = sorted(FOLDER.glob("*/cases/requests/*.yaml"))
ANSWER = {"headers": [["x-backend", "backend"], ["access-control-allow-origin", "backend"]]}


def named(file: Path) -> str:
    return f"{file.parents[2].name}-{file.stem}"


def api(file: Path, case: Mapping[str, Any]) -> AnyResource:
    """The policy, and those that are to run behind it."""
    policy = {"policyRef": {"name": file.parents[2].name.replace("_", "-")}, "config": case["given"]}
    behind = [
        {"policyRef": {"name": name}, "config": config} for name, config in case.get("then", {}).items()
    ]
    spec = {
        "address": f"http://0.0.0.0:8081/{named(file)}",
        "services": {"backend": {"address": "http://10.0.0.9:9000"}},
        "policies": [policy, *behind],
    }
    plain = {"apiVersion": "gatewright.dev/v1alpha1", "kind": "ApiInstance", "spec": spec}
    return RESOURCE.validate_python({**plain, "metadata": {"name": named(file)}})


def published(url: str, text: str) -> Played:
    at = urlsplit(url)
    return Played(upstream=f"{at.hostname}:{at.port or 443}", path=at.path, body=text)


def requests(file: Path) -> Iterator[Any]:
    """One parameter for each request: what is asked, and what is expected."""
    for number, one in enumerate(yaml.safe_load(file.read_text())["requests"]):
        asked = {name: value for name, value in one.items() if name not in ("each", "expect", "headers")}
        headers = one.get("headers", {})
        ((header, values),) = one.get("each", {"": [None]}).items()
        for at, value in enumerate(values):
            own = [*headers.items(), *([(header, value)] if header else [])]
            request = {**asked, "target": f"/{named(file)}{asked.get('target', '')}", "headers": own}
            yield pytest.param(request, one["expect"], id=f"{named(file)}-{number}-{at}")


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Rehearsal]:
    cases = {file: yaml.safe_load(file.read_text()) for file in FILES}
    documents = {url: text for case in cases.values() for url, text in case.get("documents", {}).items()}
    answers = [published(url, text) for url, text in documents.items()]
    with Rehearsal([api(file, case) for file, case in cases.items()], answers=answers) as made:
        assert made.absent == ()
        yield made


@pytest.mark.parametrize(("asked", "expect"), [one for file in FILES for one in requests(file)])
def test_request(rehearsal: Rehearsal, asked: dict[str, Any], expect: dict[str, Any]) -> None:
    verdict = rehearsal.ask(Request.model_validate(asked), [Played.model_validate(ANSWER)])

    assert {name: seen(verdict, name, wanted) for name, wanted in expect.items()} == expect


def test_credentials_may_be_long(rehearsal: Rehearsal) -> None:
    request = Request(
        target="/http_basic_authentication-credentials", headers=(("authorization", f"basic {'A' * 20_000}"),)
    )

    assert rehearsal.ask(request).outcome == "refused"


def seen(verdict: Verdict, name: str, wanted: Any) -> Any:
    """What the verdict says of that which is expected."""
    if name in ("outcome", "details", "route"):
        return getattr(verdict, name)
    if name == "refused":
        return next((one.policy for one in verdict.policies if one.decision == "refused"), None)
    assert verdict.answer is not None
    if name == "status":
        return verdict.answer.status
    if name == "error":
        return json.loads(verdict.answer.body)["error"]
    assert name in ("sent", "answer"), f"{name} is nothing that a verdict tells"
    part = verdict.sent if name == "sent" else verdict.answer
    assert part is not None
    return {header: values(part.headers, header) for header in wanted}


def values(headers: tuple[tuple[str, str], ...], name: str) -> str | list[str] | None:
    found = [value for one, value in headers if one == name]
    return found if len(found) > 1 else next(iter(found), None)
