"""Each policy that refuses, with conditions: it decides where they hold, and nowhere else.

The configurations and the requests are those of its cases/requests.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateways.agent.rehearsal.rehearsal import Rehearsal
from gateways.protocol.rehearsal import Decision
from gateways.protocol.resources import AnyResource
from policies.catalog import find, policies
from tests.policies.test_requests import FILES, alone, api, contract, named, published, request
from tests.policies.test_requests import policy_of as policy

pytestmark = pytest.mark.envoy
WHEN = "x-when"
CONDITIONS = {"rules": [{"headers": {WHEN: "yes"}}]}
OWN_TESTS = {"geo-filter", "native-ext-authz", "websocket-connection-limit"}
"""They need a database, a server or open connections, which a rehearsal has not."""
Order = list[dict[str, Any]]


def refused() -> dict[Path, Order]:
    """Of each policy that may have conditions a file, and requests of which the last one is refused."""
    found: dict[Path, Order] = {}
    for file in FILES:
        if find(policy(file)).has_conditions and policy(file) not in map(policy, found):
            for one in yaml.safe_load(file.read_text())["requests"]:
                orders = [one["order"]] if "order" in one else [[only] for only in alone(one)]
                for order in orders:
                    if order[-1]["expect"].get("refused") == policy(file):
                        found.setdefault(file, order)
    return found


REFUSED = refused()


def conditional(file: Path, case: Mapping[str, Any]) -> AnyResource:
    made = api(file, case)
    assert made.kind == "ApiInstance"
    first, *others = made.spec.policies
    ruled = first.model_validate({**first.model_dump(by_alias=True), **CONDITIONS})
    spec = made.spec.model_copy(update={"policies": (ruled, *others)})
    return made.model_copy(update={"spec": spec})


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Rehearsal]:
    cases = {file: yaml.safe_load(file.read_text()) for file in REFUSED}
    documents = {url: text for case in cases.values() for url, text in case.get("documents", {}).items()}
    contracts = [
        contract(file, number, spec)
        for file, case in cases.items()
        for number, spec in enumerate(case.get("contracts", ()))
    ]
    answers = [published(url, text) for url, text in documents.items()]
    with Rehearsal([*(conditional(*one) for one in cases.items()), *contracts], answers=answers) as made:
        assert made.absent == ()
        yield made


def last(rehearsal: Rehearsal, file: Path, order: Order, *, holds: bool) -> Decision:
    """What it decided of the last of these requests, with or without the header that its conditions want."""
    decided: Decision | None = None
    for step in order:
        headers = step.get("headers", {})
        given = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        asked = request(file, {**step, "headers": [*given, *([(WHEN, "yes")] if holds else [])]})
        for _ in range(step.get("times", 1)):
            decided = rehearsal.ask(asked).policies[0]
    assert decided is not None
    return decided


@pytest.mark.parametrize("file", REFUSED, ids=named)
def test_it_decides_where_its_conditions_hold(rehearsal: Rehearsal, file: Path) -> None:
    elsewhere, there = (last(rehearsal, file, REFUSED[file], holds=holds) for holds in (False, True))

    assert (elsewhere.policy, elsewhere.decision) == (policy(file), "not-applied")
    assert (there.policy, there.decision) == (policy(file), "refused")


def test_all_that_refuse_are_tried() -> None:
    refusing = {one.name for one in policies() if one.is_resource_level and one.refuses}

    assert refusing - set(map(policy, REFUSED)) == OWN_TESTS & refusing
