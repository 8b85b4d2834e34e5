"""What a heartbeat tells of upstreams' hosts, and what it costs to ask a real Envoy about them."""

from types import SimpleNamespace
from typing import Any

import pytest

from gateways.agent.envoy import health


class Clusters:
    """Envoy's admin, of which each cluster has so many hosts that are well; `asked` are the patterns."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes = sizes
        self.asked: list[str] = []

    def clusters(self, pattern: str) -> dict[str, list[dict[str, Any]]]:
        self.asked.append(pattern.replace("\\", ""))
        return {name: [{}] * self.sizes[name] for name in self.asked[-1].split("|")}


def serving(sizes: dict[str, int]) -> list[Any]:
    clusters = {
        name: {"load_assignment": {"endpoints": [{"lb_endpoints": [{}] * size}]}}
        for name, size in sizes.items()
    }
    api = SimpleNamespace(namespace="n")
    return [SimpleNamespace(api=api, clusters=clusters, services={name: name for name in sizes})]


def told(sizes: dict[str, int]) -> tuple[health.UpstreamStates, list[str]]:
    admin = Clusters(sizes)
    return health.of_upstreams(admin, serving(sizes)), admin.asked  # type: ignore[arg-type]


def test_envoy_is_asked_about_those_alone_of_which_something_is_told() -> None:
    found, asked = told({"a.b": 2, "plain": 1})

    assert asked == ["a.b"]
    assert found["n/a.b"]["total"] == found["n/a.b"]["healthy"] == 2
    assert told({"plain": 1}) == ({}, [])


def test_many_are_asked_about_in_portions_and_no_more_than_are_told() -> None:
    found, asked = told({f"c{at:04}": 100 for at in range(1000)})

    assert len(found) == health.MOST_SERVICES
    assert sum(one["total"] for one in found.values()) == 200 * 100
    assert sum(len(one["hosts"]) for one in found.values()) == health.MOST_HOSTS
    assert len(asked) == 10 and all(len(one.split("|")) == 20 for one in asked)


def test_what_takes_long_is_asked_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 2.0, 41.9, 42.0, 42.0])
    monkeypatch.setattr(health.time, "monotonic", lambda: next(now))
    sizes = {"a": 2}
    admin = Clusters(sizes)
    watch = health.Watch(admin)  # type: ignore[arg-type]

    first = watch.told(serving(sizes))
    sizes["a"] = 3

    assert watch.told(serving(sizes)) == first
    assert len(admin.asked) == 1
    assert watch.told(serving(sizes))["n/a"]["total"] == 3
