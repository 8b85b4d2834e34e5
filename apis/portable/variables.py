"""Secrets of a policy in a file: `$NAME` stands for one, `$$NAME` for what looks like one and is none."""

import re
from collections.abc import Collection, Mapping
from typing import Any

_VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
_LITERAL = re.compile(r"\$(\$+[A-Za-z_][A-Za-z0-9_]*)")


def taken(config: Mapping[str, Any], without: Collection[str] = ()) -> tuple[dict[str, Any], dict[str, str]]:
    """(the configuration as the console keeps it, its secrets by their paths, none of them known)."""
    secrets: dict[str, str] = {}
    own = {key: value for key, value in config.items() if key not in without}
    return _of_mapping(own, (), secrets), dict(sorted(secrets.items()))


def _of_mapping(value: Mapping[str, Any], path: tuple[str, ...], secrets: dict[str, str]) -> dict[str, Any]:
    found = {}
    for key, one in value.items():
        if _is_variable(one):
            secrets[".".join((*path, key))] = ""
        else:
            found[key] = _of(one, (*path, key), secrets)
    return found


def _of(value: Any, path: tuple[str, ...], secrets: dict[str, str]) -> Any:
    if isinstance(value, Mapping):
        return _of_mapping(value, path, secrets)
    if isinstance(value, list):
        return [_of(one, (*path, str(at)), secrets) for at, one in enumerate(value)]
    if _is_variable(value):
        secrets[".".join(path)] = ""
        return ""
    if isinstance(value, str) and (match := _LITERAL.fullmatch(value)):
        return match[1]
    return value


def _is_variable(value: Any) -> bool:
    return isinstance(value, str) and bool(_VARIABLE.fullmatch(value))
