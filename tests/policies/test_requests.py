"""Requests through each policy: `given` a configuration, `requests` with the verdict that each is to have.

Files lie in a policy's cases/requests. All of them share one rehearsal, where each is an API of its own.
`documents` are what policies find in the network, by URL, and of each URL the same in all files; `contracts`
are those with the API: what a Contract's `spec` says beside whose it is.

A request's `each` names a header and values: it is one request for each value. `answers` are what the
upstream answers to it, `times` how often it is asked. Every refusal says which check refused. Those of an
`order` are asked one after another, as where a policy counts. In `expect`, headers of the request that is
`sent` on and of the `answer` have their value, a list of several, or null for none; `fault` and `code` are
those of a SOAP fault.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import fromstring

import pytest
import yaml

from gateways.agent.rehearsal.rehearsal import Rehearsal
from gateways.protocol.rehearsal import Played, Request, Verdict
from gateways.protocol.resources import RESOURCE, AnyResource
from policies.catalog import FOLDER, find

pytestmark = pytest.mark.envoy
FILES = sorted(FOLDER.glob("*/cases/requests/*.yaml"))
BACKEND = "10.0.0.9:9000"
REASON = re.compile(r"(^|\()[a-z][a-z0-9-]*: .")
"""Of a refusal: which check refused, before the compared values."""
ANSWER = {"headers": [["x-backend", "backend"], ["access-control-allow-origin", "backend"]]}


def named(file: Path) -> str:
    return f"{file.parents[2].name}-{file.stem}"


def api(file: Path, case: Mapping[str, Any]) -> AnyResource:
    """With the policy, and those that are to run behind it; without one that is for its upstream."""
    policy = {"policyRef": {"name": policy_of(file)}, "config": case["given"]}
    behind = [
        {"policyRef": {"name": name}, "config": config} for name, config in case.get("then", {}).items()
    ]
    spec: dict[str, Any] = {"address": f"http://0.0.0.0:8081/{named(file)}"}
    if not find(policy_of(file)).is_outbound:
        spec["services"] = {"backend": {"address": f"http://{BACKEND}"}}
        spec["policies"] = [policy, *behind]
    return resource("ApiInstance", named(file), spec)


def outbound(file: Path, case: Mapping[str, Any]) -> Iterator[AnyResource]:
    """Of a policy that is for upstreams: one that has it, and the way there."""
    if find(policy_of(file)).is_outbound:
        upstream = f"{named(file)}-backend"
        target, policy = {"kind": "Service", "name": upstream}, {"name": policy_of(file)}
        route = {"policyRef": {"name": "route"}, "config": {"destinationRef": {"name": upstream}}}
        yield resource("Service", upstream, {"address": f"http://{BACKEND}"})
        yield resource("PolicyBinding", f"{upstream}-way", {"targetRef": {"name": named(file)}, **route})
        own = {"targetRef": target, "policyRef": policy, "config": case["given"]}
        yield resource("PolicyBinding", f"{upstream}-policy", own)


def policy_of(file: Path) -> str:
    return file.parents[2].name.replace("_", "-")


def resource(kind: str, name: str, spec: Mapping[str, Any]) -> AnyResource:
    plain = {"apiVersion": "gatewright.dev/v1alpha1", "kind": kind, "metadata": {"name": name}}
    return RESOURCE.validate_python({**plain, "spec": spec})


def contract(file: Path, number: int, spec: Mapping[str, Any]) -> AnyResource:
    """A contract with the API of this file."""
    return resource("Contract", f"{named(file)}-{number}", {"apiId": named(file), **spec})


def published(url: str, text: str) -> Played:
    at = urlsplit(url)
    return Played(upstream=f"{at.hostname}:{at.port or 443}", path=at.path, body=text)


def requests(file: Path) -> Iterator[Any]:
    """One parameter for each request, or for each order of them: what is asked, and what is expected."""
    for number, one in enumerate(yaml.safe_load(file.read_text())["requests"]):
        orders = [one["order"]] if "order" in one else [[only] for only in alone(one)]
        for at, order in enumerate(orders):
            yield pytest.param(file, order, id=f"{named(file)}-{number}-{at}")


def alone(one: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The request, once for each value of its `each`."""
    rest = {name: value for name, value in one.items() if name != "each"}
    ((header, values),) = one.get("each", {"": [None]}).items()
    own = one.get("headers", {})
    always = list(own.items()) if isinstance(own, Mapping) else own
    for value in values:
        yield rest | {"headers": [*always, *([(header, value)] if header else [])]}


def request(file: Path, one: Mapping[str, Any]) -> Request:
    ours = ("expect", "headers", "answers", "times")
    asked = {name: value for name, value in one.items() if name not in ours}
    asked["target"] = f"/{named(file)}{one.get('target', '')}"
    headers = one.get("headers", {})
    asked["headers"] = list(headers.items()) if isinstance(headers, Mapping) else headers
    return Request.model_validate(asked)


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Rehearsal]:
    cases = {file: yaml.safe_load(file.read_text()) for file in FILES}
    documents = {url: text for case in cases.values() for url, text in case.get("documents", {}).items()}
    answers = [published(url, text) for url, text in documents.items()]
    contracts = [
        contract(file, number, spec)
        for file, case in cases.items()
        for number, spec in enumerate(case.get("contracts", ()))
    ]
    apis = [made for one in cases.items() for made in (api(*one), *outbound(*one))]
    with Rehearsal([*apis, *contracts], answers=answers) as made:
        assert made.absent == ()
        yield made


@pytest.mark.parametrize(("file", "order"), [one for file in FILES for one in requests(file)])
def test_request(rehearsal: Rehearsal, file: Path, order: list[dict[str, Any]]) -> None:
    for step in order:
        # Not what policies ask others.
        answers = [Played.model_validate({"upstream": BACKEND, **step.get("answers", ANSWER)})]
        for _ in range(step.get("times", 1)):
            verdict = rehearsal.ask(request(file, step), answers)

            refusals = [one.reason for one in verdict.policies if one.decision == "refused"]
            bare = [one for one in refusals if one.startswith(verdict.details) or not REASON.search(one)]
            assert not bare, f"they do not say which check refused: {bare}"
            expect = step["expect"]
            assert {name: seen(verdict, name, wanted) for name, wanted in expect.items()} == expect, step


def test_credentials_may_be_long(rehearsal: Rehearsal) -> None:
    header = ("authorization", f"basic {'A' * 20_000}")

    asked = Request(target="/http_basic_authentication-credentials", headers=(header,))

    assert rehearsal.ask(asked).outcome == "refused"


def seen(verdict: Verdict, name: str, wanted: Any) -> Any:
    """What the verdict says of that which is expected."""
    if name in ("outcome", "details", "route"):
        return getattr(verdict, name)
    if name == "refused":
        return next((one.policy for one in verdict.policies if one.decision == "refused"), None)
    if name == "reason":
        return next((one.reason for one in verdict.policies if one.decision == "refused"), None)
    assert verdict.answer is not None
    if name == "status":
        return verdict.answer.status
    if name == "error":
        return json.loads(verdict.answer.body)["error"]
    if name in ("fault", "code"):
        fault = fromstring(verdict.answer.body)[0][0]
        texts = [text for text in (one.strip() for one in fault.itertext()) if text]
        return texts[name == "fault"]
    if name == "path":
        assert verdict.sent is not None
        return verdict.sent.target
    assert name in ("sent", "answer"), f"{name} is nothing that a verdict tells"
    part = verdict.sent if name == "sent" else verdict.answer
    assert part is not None
    return {header: values(part.headers, header) for header in wanted}


def values(headers: tuple[tuple[str, str], ...], name: str) -> str | list[str] | None:
    found = [value for one, value in headers if one == name]
    return found if len(found) > 1 else next(iter(found), None)
