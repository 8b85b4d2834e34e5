"""A policy is one folder: nothing outside of the catalog goes by its name, or imports what it has."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from policies import catalog
from tests.running import PROJECT

ELSEWHERE = ("policies/catalog/", "tests/", "bench/", "docs/", "static/vendor/")
DEMONSTRATIONS = ("console/stack/demo.py", "apis/forms/case.py")
"""They name policies to people who look: nothing depends on one."""
NAMES = {name for policy in catalog.policies() for name in (policy.name, *policy.aliases)}
FOLDERS = {name.replace("-", "_") for name in NAMES}
QUOTED = re.compile(r"""["']([a-z0-9]+(?:-[a-z0-9]+)*)["']""")
IMPORTED = "policies.catalog."


def files(*endings: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", *endings], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    names = [one for one in listed.stdout.splitlines() if not one.startswith(ELSEWHERE)]
    return [PROJECT / one for one in names if one not in DEMONSTRATIONS and (PROJECT / one).exists()]


def in_python(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and node.value in NAMES:
            yield str(node.value)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(IMPORTED):
            yield str(node.module)
        elif isinstance(node, ast.ImportFrom) and f"{node.module}." == IMPORTED:
            yield from (one.name for one in node.names if one.name in FOLDERS)
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.startswith(IMPORTED))


def in_text(text: str) -> Iterator[str]:
    yield from (found for found in QUOTED.findall(text) if found in NAMES)


def test_programs_name_none() -> None:
    named = {
        str(path.relative_to(PROJECT)): found
        for path in files("*.py")
        if (found := list(in_python(path.read_text())))
    }

    assert not named


def test_pages_and_scripts_name_none() -> None:
    listed = files("*.html", "*.js", "*.lua", "*.css", "script/*")
    named = {
        str(path.relative_to(PROJECT)): found for path in listed if (found := list(in_text(path.read_text())))
    }

    assert not named


@pytest.mark.parametrize(
    "text",
    [
        "is_cors = name == 'cors'",
        "from policies.catalog import spike_control",
        "from policies.catalog.spike_control import spikes",
        "import policies.catalog.spike_control.spikes",
    ],
)
def test_a_name_is_found(text: str) -> None:
    assert list(in_python(text))


def test_a_name_in_a_page_is_found() -> None:
    assert list(in_text('{% url "policy_new" api.pk "rate-limiting-flex" %}')) == ["rate-limiting-flex"]
