"""The documentation knows the commands, options and variables that there are, and no others."""

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.agent.cli import command_parser
from tests.running import PROJECT

PAGES = sorted(
    [PROJECT / "README.md", *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("policies/catalog/*/README.md")]
)
BLOCK = re.compile(r"^```(?:sh)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:\.venv/bin/)?gatewright [^`\n]+)`")
COMMAND = re.compile(r"^(?:\.venv/bin/)?gatewright ")
VARIABLE = re.compile(r"\b(?:GATEWRIGHT|FLEX)_[A-Z]+(?:_[A-Z]+)*\b")
SHORT = re.compile(r"`_([A-Z_]+)`")
WITHIN = {
    "GATEWRIGHT_ADMIN_PASSWORD_PIPE": "the first process hands it to the second",
    "GATEWRIGHT_FRONT_LOCAL_PORT": "the programs of `manage.py up` hand it on",
    "GATEWRIGHT_CONTROL_URL": "had a meaning once; a warning says that it has none",
}


def faults(text: str) -> Iterator[str]:
    """Commands of blocks that the program does not take; mentions may leave out arguments."""
    for block in BLOCK.findall(text):
        lines = block.replace("\\\n", " ").splitlines()
        yield from (line for line in lines if COMMAND.match(line) and not is_taken(line))
    known = list(options(command_parser()))
    for mention in INLINE.findall(text):
        words = [one for one in shlex.split(mention) if one != "…"][1:]
        name = " ".join(["gatewright", *words[: 2 if words[0] == "registration" else 1]])
        of_it = known[known.index(name) + 1 :] if name in known else []
        ends = [at for at, one in enumerate(of_it) if one.startswith("gatewright ")]
        here = of_it[: ends[0]] if ends else of_it
        if name not in known or any(one.startswith("--") and one not in here for one in words):
            yield mention


def is_taken(command: str) -> bool:
    try:
        command_parser().parse_args(shlex.split(command, comments=True)[1:])
    except SystemExit:
        return False
    return True


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from (one for one in action.option_strings if one not in ("-h", "--help"))
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                yield f"gatewright {name}" if parser.prog == "gatewright" else f"{parser.prog} {name}"
                yield from options(sub)


def variables_of_code() -> set[str]:
    found: set[str] = set()
    for folder in ("console", "gateways", "analytics", "apis", "policies", "script", "deploy"):
        for file in (PROJECT / folder).rglob("*"):
            if file.is_file() and not file.name.startswith("test_") and file.suffix not in (".md", ".pyc"):
                found |= set(VARIABLE.findall(file.read_text(errors="ignore")))
    return found


def variables_of_pages() -> set[str]:
    found: set[str] = set()
    for page in PAGES:
        for line in page.read_text().splitlines():
            named = VARIABLE.findall(line)
            found |= set(named)
            for end in SHORT.findall(line):
                found |= {f"{one[: at.start()]}_{end}" for one in named for at in re.finditer("_", one)}
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_each_command_that_a_page_shows_is_one(page: Path) -> None:
    assert list(faults(page.read_text())) == []


def test_a_command_that_there_is_none_of_is_found() -> None:
    block = "```sh\ngatewright validate a --local\n```\n"
    text = block + "`gatewright check DIR`, `gatewright validate`, `gatewright compile --x`"

    found = list(faults(text))

    assert found == ["gatewright validate a --local", "gatewright check DIR", "gatewright compile --x"]


def test_each_command_and_option_is_documented() -> None:
    text = "\n".join(page.read_text() for page in PAGES)

    assert [one for one in options(command_parser()) if not re.search(rf"{re.escape(one)}\b", text)] == []


def test_each_variable_that_the_code_reads_is_documented() -> None:
    assert variables_of_code() - variables_of_pages() - set(WITHIN) == set()


def test_each_variable_that_is_documented_is_read() -> None:
    text = "\n".join(page.read_text() for page in PAGES)

    assert set(VARIABLE.findall(text)) - variables_of_code() == set()
