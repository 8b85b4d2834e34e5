"""What each policy does to requests when it only observes: the cases of test_requests, once more.

Each of their APIs stands there twice, the second time with the policy set to observe. A request that the one
refuses, the other lets pass, and gives the same reason.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateways.agent.rehearsal.rehearsal import Rehearsal
from gateways.protocol.rehearsal import Played, Verdict
from gateways.protocol.resources import RESOURCE, AnyResource
from policies.catalog import find
from tests.policies.test_requests import (
    ANSWER,
    BACKEND,
    FILES,
    api,
    contract,
    published,
    request,
    requests,
)

pytestmark = pytest.mark.envoy
OBSERVING = "observing-"


def policy_of(file: Path) -> str:
    return file.parents[2].name.replace("_", "-")


OBSERVABLE = [file for file in FILES if find(policy_of(file)).can_observe]


def as_observing(made: AnyResource) -> AnyResource:
    """The same resource at an address of its own, whose policy refuses nothing."""
    plain = made.model_dump(mode="json", by_alias=True)
    name = OBSERVING + plain["metadata"]["name"]
    plain["metadata"]["name"] = name
    if made.kind == "Contract":
        plain["spec"]["apiId"] = OBSERVING + plain["spec"]["apiId"]
    else:
        plain["spec"]["address"] = f"http://0.0.0.0:8081/{name}"
        plain["spec"]["policies"][0]["mode"] = "observe"
    return RESOURCE.validate_python(plain)


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Rehearsal]:
    cases = {file: yaml.safe_load(file.read_text()) for file in OBSERVABLE}
    documents = {url: text for case in cases.values() for url, text in case.get("documents", {}).items()}
    made = [api(*one) for one in cases.items()]
    made += [
        contract(file, number, spec)
        for file, case in cases.items()
        for number, spec in enumerate(case.get("contracts", ()))
    ]
    answers = [published(url, text) for url, text in documents.items()]
    with Rehearsal([*made, *map(as_observing, made)], answers=answers) as running:
        assert running.absent == ()
        yield running


@pytest.mark.parametrize(("file", "order"), [one for file in OBSERVABLE for one in requests(file)])
def test_what_would_be_refused_passes_with_the_same_reason(
    rehearsal: Rehearsal, file: Path, order: list[dict[str, Any]]
) -> None:
    for step in order:
        answers = [Played.model_validate({"upstream": BACKEND, **step.get("answers", ANSWER)})]
        asked = request(file, step)
        observing = asked.model_copy(update={"target": asked.target.replace("/", f"/{OBSERVING}", 1)})
        for _ in range(step.get("times", 1)):
            enforced, observed = rehearsal.ask(asked, answers), rehearsal.ask(observing, answers)

            assert not reasons(observed, policy_of(file), "refused"), step
            for told in reasons(enforced, policy_of(file), "refused"):
                (why,) = reasons(observed, policy_of(file), "would-refuse")
                # What was done on purpose is told as done; what would have been, with its status.
                same = "(fault: " if why.startswith("fault: ") else f"({why})"
                assert told == why or same in told, step


def reasons(verdict: Verdict, policy: str, decision: str) -> list[str]:
    """How the policy decided so; numbers aside, since a limit's window goes on."""
    found = [one.reason for one in verdict.policies if one.policy == policy and one.decision == decision]
    return [re.sub(r"\d+", "0", one) for one in found]
