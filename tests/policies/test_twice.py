"""Entries that do nothing since they stand in their list before: each policy tells, or refuses them."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from policies import catalog
from policies.advice import advice

FOLDER = Path(catalog.__file__).parent

REPEATED = [
    ("header-removal", {"inboundHeaders": ["X-A", "x-a"]}, ["inboundHeaders"]),
    ("header-removal", {"outboundHeaders": ["x-.*", "x-a"]}, ["outboundHeaders"]),
    ("header-removal", {"inboundHeaders": ["x-a"], "outboundHeaders": ["x-a", "X-a-.*", "x-A-.*"]}, []),
    ("ip-allowlist", {"ips": ["192.0.2.1", "192.0.2.1/32"]}, ["ips"]),
    ("ip-allowlist", {"ips": ["192.0.2.1", "10", "192.0.2.0/24"]}, ["ips"]),
    ("ip-blocklist", {"ips": ["2001:db8::1", "2001:db8::/32"]}, ["ips"]),
    ("ip-blocklist", {"ips": ["::ffff:192.0.2.1", "192.0.2.1"]}, ["ips"]),
    ("ip-blocklist", {"ips": ["192.0.2.0/25", "192.0.2.128/25"]}, []),
    ("ip-blocklist", {"ips": ["10"], "ipExpression": "#[lower('A')]"}, ["ipExpression"]),
    ("hmac-signature", {"keys": f"a: {'k' * 40}", "signedHeaders": ["Host", "host"]}, ["signedHeaders"]),
    ("user-agent-filter", {"denied": ["curl", "curl"]}, ["denied"]),
    ("user-agent-filter", {"denied": [r"\\d"], "allowed": [r"\\D"]}, []),
    ("geo-filter", {"action": "deny", "countries": ["de", "DE"], "database": "/a.mmdb"}, ["countries"]),
    ("retry", {"statusCodes": [503, 503]}, ["statusCodes"]),
    ("injection-protection", {"builtInProtections": ["sql"]}, []),
    ("injection-protection", {"builtInProtections": ["sql", "sql"]}, ["builtInProtections"]),
]


@pytest.mark.parametrize(("name", "config", "fields"), REPEATED, ids=lambda one: str(one)[:60])
def test_what_stands_there_before_is_told(name: str, config: dict[str, Any], fields: list[str]) -> None:
    policy = catalog.find(name)

    assert [one.field for one in advice(policy, policy.config.model_validate(config))] == fields


def test_every_list_of_words_tells_of_an_entry_that_is_there_before() -> None:
    """Or refuses it. Whatever policy the catalog has; its cases say what may stand in its lists."""
    silent, seen = set(), set()
    for policy in catalog.policies():
        wanted = set(_lists(policy.config))
        for given in (one for one in _given(policy.name) if _is_sound(policy, one)):
            for field, doubled in _doubled(given, wanted):
                seen.add((policy.name, field))
                if not _is_told(policy, doubled, field):
                    silent.add((policy.name, field))
        if missing := wanted - {field for name, field in seen if name == policy.name}:
            pytest.fail(f"{policy.name}: no case has an entry in {sorted(missing)}")

    assert silent == set()


def _is_told(policy: Any, config: dict[str, Any], field: str) -> bool:
    try:
        told = advice(policy, policy.config.model_validate(config))
    except ValidationError:
        return True
    return any(one.field.split(".")[-1] == field for one in told)


def _is_sound(policy: Any, config: dict[str, Any]) -> bool:
    try:
        policy.config.model_validate(config)
    except ValidationError:
        return False
    return True


def _given(name: str) -> Iterator[dict[str, Any]]:
    folder = FOLDER / name.replace("-", "_")
    for file in (*sorted(folder.glob("cases/*.yaml")), *sorted(folder.glob("cases/requests/*.yaml"))):
        read = yaml.safe_load(file.read_text())
        if isinstance(read, dict) and isinstance(given := read.get("given"), dict):
            yield given
    yield from (given for policy, given, _ in REPEATED if policy == name)


def _lists(model: type[BaseModel]) -> Iterator[str]:
    """The fields that hold lists of words, by the names that users write."""
    for name, info in model.model_fields.items():
        for part in _parts(info.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _lists(part)
            elif get_origin(part) in (tuple, list) and not any(
                isinstance(one, type) and issubclass(one, BaseModel) for one in _parts(get_args(part)[0])
            ):
                yield info.alias or name


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    if get_origin(annotation) in (tuple, list, Union, UnionType) or hasattr(annotation, "__metadata__"):
        for part in get_args(annotation):
            yield from _parts(part)


def _doubled(value: Any, wanted: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The field, and the whole with its first entry a second time."""
    for path, field, entries in _found(value, wanted, ()):
        whole = deepcopy(value)
        place = whole
        for step in path:
            place = place[step]
        place[field] = [*entries, entries[0]]
        yield field, whole


def _found(value: Any, wanted: set[str], path: tuple[Any, ...]) -> Iterator[tuple[Any, str, list[Any]]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in pairs:
        if key in wanted and isinstance(held, list) and held:
            yield path, key, held
        yield from _found(held, wanted, (*path, key))
