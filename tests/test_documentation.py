"""What the documentation names is there: files, folders, and the pages that it leads to."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import PROJECT

PAGES = sorted(
    [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("policies/catalog/*/README.md")]
)
FOLDERS = (
    "analytics",
    "apis",
    "bench",
    "console",
    "deploy",
    "docs",
    "gateways",
    "policies",
    "script",
    "static",
)
FOLDERS = (*FOLDERS, "templates", "tests")
NAMED = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)")


def missing(page: Path) -> Iterator[str]:
    text = page.read_text()
    for name in NAMED.findall(text):
        if not (PROJECT / name).exists():
            yield name
    for link in LINK.findall(text):
        if not (page.parent / link).exists():
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    assert list(missing(page)) == []


def test_the_readme_leads_to_each_page_of_the_guide() -> None:
    _, _, more = (PROJECT / "README.md").read_text().partition("## More")

    assert set(LINK.findall(more)) >= {f"docs/{page.name}" for page in PROJECT.glob("docs/*.md")}


def test_a_name_of_nothing_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "See `gateways/agent/nowhere.py`, `apis/models.py` and [there](nowhere.md#part), [on the web](https://x.example)."
    )

    assert list(missing(page)) == ["gateways/agent/nowhere.py", "nowhere.md"]
