"""By day no test is lost, and no policy goes untried: the table of what runs by night is as the tests are."""

from math import inf

import pytest

from policies import catalog
from tests.by_night import ALL, COLLECTED, chosen, families, has_all, left_out, table


@pytest.fixture
def all_items(request: pytest.FixtureRequest) -> list[pytest.Item]:
    """Each test that there is, whether it runs now or not."""
    items = request.config.stash.get(COLLECTED, [])
    if not has_all(request.config):
        pytest.skip("a part of the tests was asked for")
    return items


def test_each_line_of_the_table_leaves_something_to_the_night(all_items: list[pytest.Item]) -> None:
    """Neither a test that was renamed stands in it, nor one of which all members run by day."""
    sizes = {key: len(members) for key, members in families(all_items).items()}
    idle = []
    for place, tests in table().items():
        for test, count in tests.items():
            found = [
                size
                for (file, name), size in sizes.items()
                if file == place or file.startswith(f"{place}/")
                if name == test or test == ALL
            ]
            idle += [] if found and (count == inf or max(found) > count) else [f"{place}: {test}"]

    assert idle == []


def test_each_policy_is_tried_by_day(all_items: list[pytest.Item]) -> None:
    """Its cases are compiled, a request is tried, and where it has tests of its own, some of them are run."""
    by_night = {*left_out(all_items), *(item for item in all_items if item.get_closest_marker("long"))}
    by_day = [item.nodeid for item in all_items if item not in by_night]
    untried = []
    for policy in catalog.policies():
        folder = policy.name.replace("-", "_")
        cases = f"tests/policies/test_cases.py::test_case[{folder}/"
        more = (
            f"tests/policies/test_requests.py::test_request[{folder}-",
            f"policies/catalog/{folder}/test_policy.py",
        )
        wanted = [
            cases,
            *(start for start in more if any(item.nodeid.startswith(start) for item in all_items)),
        ]
        untried += [start for start in wanted if not any(one.startswith(start) for one in by_day)]

    assert untried == []


def test_of_a_family_those_are_chosen_that_differ_most(all_items: list[pytest.Item]) -> None:
    members = max(families(all_items).values(), key=len)

    for count in (0, 1, 7, len(members), len(members) + 1):
        found = chosen(members, count)
        assert len(found) == len(set(found)) == min(count, len(members))
        assert set(found) <= set(members)
