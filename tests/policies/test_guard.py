"""A script that cannot answer refuses: no request passes a policy that has failed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.compiled import Compiled, Scope
from policies.scripting.script import script
from tests.policies.envoy import Envoy, running_envoy

pytestmark = pytest.mark.envoy

SCRIPTS = {
    "decision": "error('it cannot decide')",
    "status": 'return { status = "150", error = "no" }',
    "headers": 'return { status = "403", error = "no", headers = { ["x-a"] = print } }',
    "answer": 'return { status = "1000" }',
    "words": 'return { status = "403", error = {} }',
}


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    folder = tmp_path_factory.mktemp("guard")
    chains = {name: [made(folder, name)] for name in SCRIPTS}
    chains |= {f"{name}-observed": [made(folder, name, observed_as="it")] for name in SCRIPTS}
    with running_envoy(chains, folder) as running:
        yield running


def made(folder: Path, name: str, observed_as: str = "") -> Compiled:
    file = folder / f"{name}.lua"
    file.write_text(f"envoy_on_request = guarded(function(handle) {SCRIPTS[name]} end)")
    scope = Scope(f"test/{name}{observed_as}", "test/api", "", folder, observed_as=observed_as)
    return Compiled((script(scope, "guarded", [file], {}),))


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_cannot_be_answered_is_refused(envoy: Envoy, name: str) -> None:
    answer = envoy.get(f"/{name}")

    assert (answer.status, answer.json) == (500, {"error": "The policy guarded could not be evaluated."})


@pytest.mark.parametrize("name", SCRIPTS)
def test_nobody_is_refused_where_it_only_observes(envoy: Envoy, name: str) -> None:
    # What is no refusal is an answer in the upstream's place.
    assert envoy.get(f"/{name}-observed").status == 200
