"""Files as people write, copy and damage them."""

from pathlib import Path

import pytest

from gateways.agent.sources import files
from gateways.agent.sources.files import load_text
from gateways.protocol import resources as r
from gateways.protocol.resources import ApiInstance

HEAD = b"apiVersion: gateway.mulesoft.com/v1alpha1\nkind: ApiInstance\nmetadata: {name: orders}\n"
SOUND = HEAD + b"spec:\n  address: http://0.0.0.0:8081/orders\n"


def load(folder: Path, content: bytes) -> tuple[int, list[str]]:
    """How many documents were read, and the diagnostics without the folder."""
    (folder / "a.yaml").write_bytes(content)
    loaded = files.load(folder)
    return len(loaded.documents), [str(one).removeprefix(f"{folder}/") for one in loaded.diagnostics]


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (
            HEAD + b"spec: {\n  a: b",
            5,
            "the YAML is broken: did not find expected ',' or '}', while parsing a",
        ),
        (
            HEAD + b"spec: {a: 'b\n\n\n",
            6,
            "the YAML is broken: found unexpected end of stream, while scanning",
        ),
        (SOUND.replace(b"orders}", b"ord\xe9}"), 3, "the file is not UTF-8 text; save it in that encoding"),
        (SOUND.replace(b"orders}", b"ord\x00}"), 3, "the file is not YAML: "),
        (HEAD + b"spec: " + b"[" * 200_000, 4, "the YAML is broken: it is more than 100 levels deep"),
        (
            HEAD + b"spec: &a\n  b: *a\n",
            4,
            "the YAML is broken: an alias stands inside of what it stands for",
        ),
        (HEAD + b"spec: {a: *b}\n", 4, "the YAML is broken: found undefined alias"),
        (HEAD + b"spec: {? [a] : b}\n", 4, 'the YAML is broken: the key "?" is not text; put it in quotes'),
        (HEAD + b"spec: {8081: a}\n", 4, 'the YAML is broken: the key "8081" is not text; put it in quotes'),
        (
            HEAD + b"spec: !!python/object:a.B {}\n",
            4,
            "the YAML is broken: could not determine a constructor",
        ),
        (HEAD + b"spec: {a: !!binary aGk=}\n", 4, "the YAML is broken: could not determine a constructor"),
        (HEAD + b"spec: {a: !!int b}\n", 4, "the YAML is broken: this is no value of type int"),
        (HEAD + b"spec: {a: .inf}\n", 4, "the YAML is broken: this is not a number that can be counted with"),
        (
            HEAD + b"spec: {a: 99999999999999999999}\n",
            4,
            "the YAML is broken: the number has more than 64 bits",
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(
    tmp_path: Path, content: bytes, line: int, said: str
) -> None:
    documents, diagnostics = load(tmp_path, content)

    assert documents == 0
    assert len(diagnostics) == 1
    assert diagnostics[0].startswith(f"a.yaml:{line}: {said}")


def test_few_lines_that_stand_for_very_many_values_are_refused(tmp_path: Path) -> None:
    lines = [b"  a0: &a0 [x]"]
    lines += [b"  a%d: &a%d [%s]" % (n, n, b",".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 10)]

    _, diagnostics = load(tmp_path, HEAD + b"spec:\n" + b"\n".join(lines))

    assert diagnostics == [
        "a.yaml:11: the YAML is broken: it holds more than 250000 values, aliases followed"
    ]


def test_aliases_that_nest_too_deeply_are_refused(tmp_path: Path) -> None:
    lines = [b"  a0: &a0 [x]", *(b"  a%d: &a%d [*a%d]" % (n, n, n - 1) for n in range(1, 2000))]

    _, diagnostics = load(tmp_path, HEAD + b"spec:\n" + b"\n".join(lines))

    assert diagnostics == [
        "a.yaml:104: the YAML is broken: it is more than 100 levels deep, aliases followed"
    ]


def test_documents_before_a_broken_one_are_read(tmp_path: Path) -> None:
    documents, diagnostics = load(tmp_path, SOUND + b"---\nkind: [\n")

    assert documents == 1
    assert [diagnostic.partition(": ")[0] for diagnostic in diagnostics] == ["a.yaml:7"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + SOUND,
        SOUND.replace(b"\n", b"\r\n"),
        SOUND.decode().encode("utf-16"),
        b"---\n---\nnull\n---\n" + SOUND + b"...\n# the end\n",
        SOUND + b"  services:\n  policies:\n",
    ],
    ids=["byte order mark", "carriage returns", "UTF-16", "empty documents", "empty fields"],
)
def test_other_ways_to_write_a_file_are_read(tmp_path: Path, content: bytes) -> None:
    assert load(tmp_path, content) == (1, [])


def test_date_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(
        SOUND.replace(b"{name: orders}", b"{name: orders, labels: {a: 2026-01-31}}")
    )

    (api,) = files.load(tmp_path).resources

    assert isinstance(api, ApiInstance)
    assert api.metadata.labels == {"a": "2026-01-31"}


def test_merged_fields_and_aliases_are_followed(tmp_path: Path) -> None:
    services = b"""  services:
    a: &a {address: "http://a:1", routes: [{rules: [{path: /a}]}]}
    b: {<<: *a, routes: [{rules: [{path: /b}]}]}
"""
    (tmp_path / "a.yaml").write_bytes(SOUND + services)

    (api,) = files.load(tmp_path).resources

    assert isinstance(api, ApiInstance)
    assert [one.address for one in api.spec.services.values()] == ["http://a:1"] * 2
    assert [one.routes[0].rules[0].path for one in api.spec.services.values()] == ["/a", "/b"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (b"{address: [], policies: 5}", ["spec.address: must be one text, not several values"]),
        (b"{address: 7, policies: 5}", ["spec.address: must be text; put it in quotes"]),
        (b"{address: a, policies: 5}", ["spec.policies: must be a list"]),
        (b"{address: a, services: [b]}", ["spec.services: must be a mapping of names to values"]),
        (b"[]", ["spec: must be a mapping of names to values"]),
    ],
)
def test_wrong_type_is_told_in_plain_words(tmp_path: Path, spec: bytes, said: list[str]) -> None:
    _, diagnostics = load(tmp_path, HEAD + b"spec: " + spec)

    assert [one.removeprefix("a.yaml:4: ApiInstance orders: ") for one in diagnostics][:1] == said


def test_folders_in_the_folder_are_read_too_and_hidden_files_are_not(tmp_path: Path) -> None:
    places = [
        "a.yaml",
        "custom/b.yml",
        "custom/deep/c.yaml",
        ".git/d.yaml",
        ".e.yaml",
        "f.yaml.swp",
        "g.json",
    ]
    for number, place in enumerate(places):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(SOUND.replace(b"orders", b"orders%d" % number))

    loaded = files.load(tmp_path)

    assert [str(one.file.relative_to(tmp_path)) for one in loaded.documents] == places[:3]
    assert loaded.diagnostics == ()


def test_files_mounted_by_kubernetes_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026/a.yaml").write_bytes(SOUND)
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")

    loaded = files.load(tmp_path)

    assert [one.file for one in loaded.documents] == [tmp_path / "a.yaml"]
    assert loaded.diagnostics == ()


def test_link_that_leads_nowhere_is_a_fault_and_not_a_file_less(tmp_path: Path) -> None:
    (tmp_path / "guards.yaml").symlink_to("away.yaml")

    (diagnostic,) = files.load(tmp_path).diagnostics

    assert str(diagnostic) == f"{tmp_path}/guards.yaml:1: the file cannot be read: No such file or directory"
    assert not diagnostic.is_warning


@pytest.mark.parametrize(
    ("given", "meant"), [("[GET, POST]", "GET|POST"), ("[get]", "get"), ("GET|POST", "GET|POST")]
)
def test_methods_may_be_a_list(given: str, meant: str) -> None:
    text = BOUND.replace("METHODS", given)

    (binding,) = load_text(text, {}).resources

    assert isinstance(binding, r.PolicyBinding)
    assert binding.spec.rules[0].methods == meant


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('"[GET, POST]"', '"[GET, POST]" stands for one letter; write GET|POST, or the list without quotes'),
        ("[GET, 5]", "methods: must be one text, not several values"),
        ("[GET, 'a b']", 'methods: holds "a b", which is no method, such as GET'),
        ("[]", "methods: must be one text, not several values"),
        ("{a: b}", "methods: must be one text, not several values"),
    ],
)
def test_methods_that_are_none_are_told(given: str, said: str) -> None:
    (diagnostic,) = load_text(BOUND.replace("METHODS", given), {}).diagnostics

    assert said in str(diagnostic)


def test_what_a_cluster_adds_is_passed_over() -> None:
    shown = """
apiVersion: v1
kind: List
metadata: {resourceVersion: ""}
items:
- apiVersion: gateway.mulesoft.com/v1alpha1
  kind: Service
  metadata:
    name: store
    namespace: shop
    annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}
    creationTimestamp: "2026-01-02T03:04:05Z"
    deletionTimestamp: null
    finalizers: [x]
    generation: 3
    managedFields: [{manager: kubectl, fieldsV1: {"f:spec": {}}}]
    ownerReferences: [{uid: x}]
    resourceVersion: "77"
    selfLink: /x
    uid: 0b1f
  spec: {address: "http://a"}
  status: {conditions: []}
- apiVersion: v1
  kind: ConfigMap
"""

    loaded = load_text(shown, {})

    assert loaded.is_sound
    assert [one.key for one in loaded.resources] == [("shop", "store")]
    assert "ConfigMap" in str(loaded.diagnostics[0])


def test_fault_inside_a_list_has_its_line() -> None:
    loaded = load_text("apiVersion: v1\nkind: List\nitems:\n- apiVersion: x\n- {kind: Service}\n", {})

    assert [(one.line, one.is_warning) for one in loaded.diagnostics] == [(4, True), (5, False)]


@pytest.mark.parametrize("items", ["", "items: 7", "items: {a: b}"])
def test_list_of_nothing_is_a_fault(items: str) -> None:
    assert not load_text(f"apiVersion: v1\nkind: List\n{items}\n", {}).is_sound


@pytest.mark.parametrize("version", r.API_VERSIONS)
def test_both_names_of_the_version_are_taken(version: str) -> None:
    text = BOUND.replace("gatewright.dev/v1alpha1", version).replace("METHODS", "GET")

    assert load_text(text, {}).is_sound


BOUND = """
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: x}
spec: {targetRef: {name: a}, policyRef: {name: cors}, rules: [{methods: METHODS}]}
"""
