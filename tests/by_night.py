"""Which tests run by night alone: `by_night.yaml` says it of whole tests, and of families how many run by
day.

Where everything is asked for (`script/test`), what the table leaves out is marked `long`. What is named runs
whole.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from math import inf
from pathlib import Path

import pytest
import yaml

TABLE = Path(__file__).with_suffix(".yaml")
ALL = "each"
"""In place of a test's name: each of the file or folder that has no line of its own."""
COLLECTED = pytest.StashKey[list[pytest.Item]]()
"""Each test that there is, before those of the night are left out."""


@cache
def table() -> dict[str, dict[str, float]]:
    """By file or folder and test, how many run by day; a test without parameters counts as one."""
    sections = yaml.safe_load(TABLE.read_text()).values()
    return {
        place: {test: inf if count == "all" else count for test, count in tests.items()}
        for section in sections
        for place, tests in section.items()
    }


def has_all(config: pytest.Config) -> bool:
    """Whether all tests were collected, whichever of them were asked for."""
    folders = {config.rootpath / folder for folder in config.getini("testpaths")}
    return {config.rootpath / argument for argument in config.args} == folders


def families(items: Sequence[pytest.Item]) -> dict[tuple[str, str], list[pytest.Item]]:
    """All members of each test, by its file and its name; those of a name in several classes are of one."""
    found: dict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        file, *_, name = item.nodeid.partition("[")[0].split("::")
        found[file, name].append(item)
    return found


def kept_by_day(file: str, name: str) -> float:
    """What is said of the file goes before what is said of its folder."""
    for place in (file, *(str(folder) for folder in Path(file).parents)):
        tests = table().get(place, {})
        if name in tests or ALL in tests:
            return tests[name] if name in tests else tests[ALL]
    return inf


def chosen(members: Sequence[pytest.Item], count: int) -> list[pytest.Item]:
    """So many of a family, far from each other, and each with parameters that no other has, where it can."""
    if count >= len(members):
        return list(members)
    left, taken, seen = dict(enumerate(members)), [], set[tuple[str, int]]()
    for place in range(count):
        middle = (place + 0.5) * len(members) / count
        best = max(left, key=lambda at: (len(_values(left[at]) - seen), -abs(at - middle)))
        taken.append(left.pop(best))
        seen |= _values(taken[-1])
    return taken


def _without_long(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """None of those that are `long` anyway counts as one of the day's."""
    return [item for item in items if not item.get_closest_marker("long")]


def _values(item: pytest.Item) -> set[tuple[str, int]]:
    spec = getattr(item, "callspec", None)
    return set(spec.indices.items()) if spec else set()


def left_out(items: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
    """What the table leaves to the night."""
    for (file, name), members in families(_without_long(items)).items():
        count = min(kept_by_day(file, name), len(members))
        yield from set(members) - set(chosen(members, int(count)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Before those that are `long` are left out."""
    config.stash[COLLECTED] = list(items)
    if has_all(config) and not config.option.keyword and not config.option.markexpr:
        for item in left_out(items):
            item.add_marker("long")
