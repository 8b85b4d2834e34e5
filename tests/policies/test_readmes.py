"""The example in each policy's documentation runs as it is written, and every setting is described there."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from gateways.agent.rehearsal.rehearsal import Rehearsal
from gateways.agent.translate.apis import translate
from gateways.protocol.rehearsal import Request
from gateways.protocol.resources import RESOURCE, AnyResource
from policies.catalog import FOLDER, policies
from policies.policy import Policy
from tests.policies import geo_database

BLOCK = re.compile(r"```yaml\n(.*?)```", re.S)
POLICIES = sorted(policies(), key=lambda one: one.name)
each = pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one.name)
GUIDE = FOLDER.parent.parent / "docs" / "policies.md"
DATABASE = "/var/lib/GeoIP/GeoLite2-Country.mmdb"
"""Which nobody brings: one of ours stands in its place."""


def readme(policy: Policy[Any]) -> str:
    return (FOLDER / policy.name.replace("-", "_") / "README.md").read_text()


def resources(policy: Policy[Any], database: str) -> Iterator[AnyResource]:
    """Of the first example that names the policy; in a namespace and at a path of its own."""
    example = next(one for one in BLOCK.findall(readme(policy)) if f"{{name: {policy.name}" in one)
    for told in yaml.safe_load_all(example.replace(DATABASE, database)):
        told["metadata"]["namespace"] = policy.name
        if told["kind"] == "ApiInstance":
            told["spec"]["address"] = f"http://0.0.0.0:8081/{policy.name}"
        yield RESOURCE.validate_python(told)


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    database = tmp_path_factory.mktemp("geo") / "c.mmdb"
    geo_database.write(database, {"127.0.0.0/8": "DE"})
    told = [one for policy in POLICIES for one in resources(policy, str(database))]
    with Rehearsal(told) as made:
        assert made.absent == ()
        yield made


@pytest.mark.envoy
@each
def test_the_example_serves_as_it_is_written(rehearsal: Rehearsal, policy: Policy[Any]) -> None:
    verdict = rehearsal.ask(Request(target=f"/{policy.name}/1"))

    assert verdict.outcome in ("upstream", "refused", "answered"), verdict
    if not policy.is_outbound:
        assert policy.name in [one.policy for one in verdict.policies]


@each
def test_nobody_is_warned_of_the_example(policy: Policy[Any]) -> None:
    faults = translate(list(resources(policy, "/c.mmdb"))).faults

    assert [f"{one.field}: {one.message}" for one in faults] == []


@each
def test_every_setting_is_described(policy: Policy[Any]) -> None:
    text = readme(policy)

    assert [name for name in settings(policy.config) if not re.search(rf"\b{name}\b", text)] == []


@each
def test_what_refuses_can_observe_or_says_why_not(policy: Policy[Any]) -> None:
    rows = (line for line in GUIDE.read_text().splitlines() if line.startswith("|"))
    (row,) = (line for line in rows if f"`{policy.name}`" in line)

    refuses = row.rpartition("`")[2].strip(" |") != "–"
    assert refuses == bool(policy.refuses or policy.unobservable)


@each
def test_it_names_no_file_of_ours(policy: Policy[Any]) -> None:
    """Whoever reads it in the console has none of them."""
    assert re.findall(r"[\w/]+\.(?:py|lua)\b|docs/development", readme(policy)) == []


def settings(model: type[BaseModel]) -> Iterator[str]:
    """By the names that users write, those of parts too."""
    for name, one in model.model_fields.items():
        yield one.alias or name
        for part in (one.annotation, *get_args(one.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from settings(part)
