"""What a broken document may be about waits for it; the rest of the folder goes on."""

from pathlib import Path

import pytest

from gateways.agent.apply import Applier
from gateways.agent.envoy.process import Envoy
from gateways.agent.sources.files import Loaded, load_text
from gateways.agent.translate.held import Unknown
from gateways.protocol.messages import Ack
from gateways.protocol.resources import digest
from tests.ports import free_port

APIS = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: a, labels: {team: red}}
spec: {address: "http://0.0.0.0:8081/a", services: {backend: {address: "http://127.0.0.1:9"}}}
---
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: b}
spec: {address: "http://0.0.0.0:8081/b"}
---
apiVersion: gatewright.dev/v1alpha1
kind: Service
metadata: {name: store}
spec: {address: "http://127.0.0.1:9"}
---
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: to-store}
spec: {targetRef: {name: b}, policyRef: {name: route}, config: {destinationRef: {name: store}}}
---
"""
BINDING = """
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: guard}
spec: {targetRef: TARGET, policyRef: {name: ip-allowlist}, config: {ips: [10.0.0.1]}, nonsense: 1}
"""
GUARD = BINDING.replace("TARGET", "{name: a}")
SOUND = GUARD.replace(", nonsense: 1", "")


def held(text: str) -> set[str]:
    return {name for _, name in load_text(APIS + text, {}).held()}


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("{name: a}", {"a"}),
        ("{kind: ApiInstance, name: a, namespace: default}", {"a"}),
        ("{kind: Selector, selector: {labels: {team: red}}}", {"a"}),
        ("{kind: Selector, selector: {labels: {team: blue}}}", set()),
        ("{kind: Service, name: store}", {"b"}),
    ],
)
def test_binding_holds_what_it_targets(target: str, names: set[str]) -> None:
    assert held(BINDING.replace("TARGET", target)) == names


@pytest.mark.parametrize(
    "text",
    [
        BINDING.replace("TARGET", "{nmae: a}"),
        BINDING.replace("TARGET", "[a]"),
        BINDING.replace("TARGET", "{kind: Apis, name: a}"),
        BINDING.replace("TARGET", "{kind: Selector}"),
        BINDING.replace("TARGET", "{name: a}").replace("PolicyBinding", "PolicyBindng"),
        "apiVersion: gatewright.dev/v1alpha1\nkind: ApiInstance\nmetadata: {name: [a]}\nspec: {}",
        "apiVersion: gatewright.dev/v1alpha1\nkind: Configuration\nmetadata: {name: c}\nspec: {x: {}}",
        "just a text",
        "kind: [",
    ],
)
def test_document_that_may_be_about_anything_holds_everything(text: str) -> None:
    loaded = load_text(APIS + text, {})

    assert not loaded.is_sound
    with pytest.raises(Unknown):
        loaded.held()


@pytest.mark.parametrize("kind", ["Contract", "Secret", "Extension"])
def test_document_without_effect_holds_nothing(kind: str) -> None:
    text = f"apiVersion: gatewright.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: x}}\nspec: 7\n"

    assert not load_text(APIS + text, {}).is_sound
    assert held(text) == set()


def test_of_two_documents_of_one_name_neither_counts() -> None:
    other = SOUND.replace("{name: a}", "{name: b}")
    loaded = load_text(APIS + SOUND + "---" + other, {})

    assert {name for _, name in loaded.held()} == {"a", "b"}
    assert "guard" not in [one.metadata.name for one in loaded.resources]


def test_guard_whose_variable_is_not_set_holds_its_api() -> None:
    assert held(SOUND.replace("10.0.0.1", "$NOT_SET")) == {"a"}


def test_other_version_of_a_guard_holds_its_api() -> None:
    assert held(SOUND.replace("gatewright.dev/v1alpha1", "gateway.mulesoft.com/v1")) == {"a"}


@pytest.mark.envoy
class TestThroughEnvoy:
    def test_unguarded_api_never_serves(self, tmp_path: Path) -> None:
        with Folder(tmp_path) as folder:
            states = folder.apply(GUARD)
            assert states == {"a": ("refused", None), "b": ("applied", 1)}

            assert folder.apply(SOUND) == {"a": ("applied", 2), "b": ("applied", 2)}
            assert folder.apply(GUARD) == {"a": ("refused", 2), "b": ("applied", 3)}
            again = folder.restarted()

            assert again == {"a": ("refused", 2), "b": ("applied", 3)}

    def test_broken_api_that_runs_goes_on(self, tmp_path: Path) -> None:
        with Folder(tmp_path) as folder:
            folder.apply("")

            assert folder.apply("", "labels: {team: red}", "labels: 7")["a"] == ("refused", 1)


States = dict[str, tuple[str, int | None]]


class Folder:
    """What a folder of these texts becomes, under a real Envoy."""

    def __init__(self, tmp_path: Path) -> None:
        self.envoy = Envoy(tmp_path / "state", "test-replica", drain_seconds=0)
        self.applier = Applier(self.envoy)
        self.port = str(free_port())

    def __enter__(self) -> "Folder":
        self.envoy.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.envoy.stop()

    def apply(self, text: str, old: str = "", new: str = "") -> States:
        loaded: Loaded = load_text((APIS.replace("8081", self.port) + text).replace(old or "\0", new), {})
        generation = self.applier.generation + 1
        given = loaded.resources, generation, digest(loaded.resources), loaded.held()
        return _states(self.applier.apply(*given))

    def restarted(self) -> States:
        self.applier = Applier(self.envoy)
        ack = self.applier.restore()
        assert ack
        return _states(ack)


def _states(ack: Ack) -> States:
    assert ack.applied, ack.reason
    return {one.name: (one.state, one.running_generation) for one in ack.resources}
