"""Every case of the catalog: `given` a configuration, `expect` the compiled filters or the errors.

`documents` are the texts, by URL, that are at hand of what the policy needs from the network.

Write the expectations anew with script/golden, then read the difference as if it were code.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from policies.catalog import FOLDER, find, policies
from policies.compiled import Compiled, Filter, Scope, Script
from policies.documents.document import Document

CASES = sorted(FOLDER.glob("*/cases/*.yaml"))
(SPRITE,) = FOLDER.parent.parent.glob("static/icons/lucide-*.svg")
ON_RESPONSES = (
    "response_mutations",
    "response_direction_config",
    "response_limit",
    "client_headers_on_success",
)
SCOPE = Scope("default/binding", "default/api", "/base", Path("/state"))


def _name(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.stem}"


class _Documents:
    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def get(self, document: Document) -> str | None:
        text = self._texts.get(document.url)
        return None if text is None else document.kind.read(text.encode())


def _outcome(policy: str, given: dict[str, Any], documents: Mapping[str, str]) -> dict[str, Any]:
    entry = find(policy)
    try:
        config = entry.config.model_validate(given)
    except ValidationError as error:
        faults = error.errors()
        return {"errors": {".".join(map(str, fault["loc"])): fault["msg"] for fault in faults}}
    return _shown(entry.compile(config, replace(SCOPE, documents=_Documents(documents))))


def _shown(compiled: Compiled) -> dict[str, Any]:
    shown: dict[str, Any] = {"filters": [_filter(one) for one in compiled.filters]}
    if compiled.behind:
        shown["behind"] = [_filter(one) for one in compiled.behind]
    if compiled.kept:
        shown["kept"] = [_filter(one) for one in compiled.kept]
    if compiled.clusters:
        shown["clusters"] = {one.name: one.config for one in compiled.clusters}
    if compiled.upstream_filters:
        shown["upstream_filters"] = [_filter(one) for one in compiled.upstream_filters]
    if compiled.cluster:
        shown["cluster"] = compiled.cluster
    if compiled.response_seconds is not None:
        shown["response_seconds"] = compiled.response_seconds
    if compiled.route_action:
        shown["route_action"] = compiled.route_action
    if compiled.shared:
        shown["shared"] = list(compiled.shared)
    return json.loads(json.dumps(shown))


def _filter(one: Filter | Script) -> dict[str, Any]:
    """A script by its settings alone: its code is the policy's, and the same in every case."""
    only_if = {"only_if": one.only_if} if one.only_if else {}
    if isinstance(one, Script):
        return {"name": one.name, "@type": one.typed_config["@type"], "settings": one.settings, **only_if}
    return {"name": one.name, **one.typed_config, **only_if}


@pytest.mark.parametrize("path", CASES, ids=_name)
def test_case(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    policy = path.parent.parent.name.replace("_", "-")

    outcome = _outcome(policy, case["given"], case.get("documents", {}))

    if os.environ.get("GOLDEN") == "write":
        text = yaml.safe_dump({**case, "expect": outcome}, sort_keys=False, width=110, allow_unicode=True)
        path.write_text(text)
        case["expect"] = outcome
    assert outcome == case["expect"]


@pytest.mark.parametrize("path", CASES, ids=_name)
def test_it_acts_on_responses_where_its_filters_do(path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    entry = find(path.parent.parent.name.replace("_", "-"))
    try:
        config = entry.config.model_validate(case["given"])
    except ValidationError:
        return
    texts = _Documents(case.get("documents", {}))

    compiled = entry.compile(config, replace(SCOPE, documents=texts))

    filters = (*compiled.filters, *compiled.kept, *compiled.behind)
    natives = json.dumps([one.typed_config for one in filters if isinstance(one, Filter)])
    is_seen = any(one.sees_response for one in filters if isinstance(one, Script))
    assert entry.acts_on_responses(config) == (is_seen or any(word in natives for word in ON_RESPONSES))


@pytest.mark.parametrize("policy", policies(), ids=lambda policy: policy.name)
def test_a_field_says_whether_contracts_are_asked_for(policy: Any) -> None:
    fields = policy.config.model_json_schema(by_alias=True)["properties"]
    said = {name: one["asksContracts"] for name, one in fields.items() if "asksContracts" in one}

    found = {
        (
            all(values[name] == value for name, value in said.items()),
            policy.asks_contracts(config) is not None,
        )
        for config in _configurations(policy.name)
        for values in [config.model_dump(by_alias=True)]
    }

    assert found, "it has no sound case"
    # Of one that always does, or never, no field says it.
    assert found <= {(True, True), (False, False)} if said else len(found) == 1


def _configurations(policy: str) -> Iterator[Any]:
    for path in (FOLDER / policy.replace("-", "_") / "cases").glob("*.yaml"):
        with suppress(ValidationError):
            yield find(policy).config.model_validate(yaml.safe_load(path.read_text())["given"])


@pytest.mark.parametrize("policy", policies(), ids=lambda policy: policy.name)
def test_every_policy_is_documented_and_labelled(policy: Any) -> None:
    folder = FOLDER / policy.name.replace("-", "_")

    assert (folder / "README.md").read_text().startswith(f"# {policy.title}\n")
    assert f"{policy.name}-flex" in policy.aliases
    assert f'id="{policy.icon}"' in SPRITE.read_text(), f"there is no icon {policy.icon}"
    assert list((folder / "cases").glob("refused_*.yaml")), "no refused configuration"
    for name, field in policy.config.model_fields.items():
        assert field.title and field.description, f"{name} has no label or help text"


@pytest.mark.parametrize("policy", policies(), ids=lambda policy: policy.name)
def test_no_secret_stands_in_a_list(policy: Any) -> None:
    """Secrets are kept by their place, and a list's entries move: one would get that of its neighbour."""
    schema = policy.config.model_json_schema()

    assert not any(_is_secret(one) for one in _within_lists(schema, schema.get("$defs", {}), False))


def _is_secret(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("format") == "password"


def _within_lists(schema: Any, named: Mapping[str, Any], in_list: bool) -> Iterator[Any]:
    """Every part of a schema that describes what a list holds."""
    if isinstance(schema, list):
        for one in schema:
            yield from _within_lists(one, named, in_list)
    elif isinstance(schema, dict):
        if in_list:
            yield schema
        for key, part in schema.items():
            if key == "$ref":
                yield from _within_lists(named[part.rpartition("/")[2]], named, in_list)
            elif key != "$defs":
                yield from _within_lists(part, named, in_list or key in ("items", "prefixItems"))
