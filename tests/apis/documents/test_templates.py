"""Which documented operation a counted request belongs to."""

import pytest

from apis.documents.templates import Templates, segments
from gateways.protocol.resource_paths import template

OPERATIONS = [
    (1, "GET", "/orders"),
    (2, "POST", "/orders"),
    (3, "GET", "/orders/{id}"),
    (4, "GET", "/orders/mine"),
    (5, "GET", "/orders/{id}/lines/{line}"),
    (6, "GET", "/files/{name}.json"),
    (7, "GET", "/ranges/{from}-{to}"),
    (8, "GET", "/report2024/all"),
    (9, "GET", "/"),
    (10, "HEAD", "/files/{name}.json"),
    (11, "GET", "/{a}/x/mine"),
]


@pytest.mark.parametrize(
    ("method", "called", "key"),
    [
        ("GET", "/shop/orders", 1),
        ("POST", "/shop/orders", 2),
        ("GET", "/shop/orders/4711", 3),
        ("GET", "/shop/orders/ann", 3),
        ("GET", "/shop/orders/mine", 4),
        ("HEAD", "/shop/orders/mine", 4),
        ("GET", "/shop/orders/1/lines/second", 5),
        ("GET", "/shop/files/a.json", 6),
        ("HEAD", "/shop/files/a.json", 10),
        ("GET", "/shop/files/report-12345.json", 6),
        ("GET", "/shop/ranges/a-b", 7),
        ("GET", "/shop/report2024/all", 8),
        ("GET", "/shop", 9),
        ("GET", "/shop/", 9),
        ("GET", "/shop/orders/x/mine", 11),
        ("DELETE", "/shop/orders", None),
        ("GET", "/shop/orders/", None),
        ("GET", "/shop/orders/a/lines", None),
        ("GET", "/shop/ranges/-b", None),
        ("GET", "/shop/files/.json", None),
        ("GET", "/shop/other", None),
        ("GET", "/elsewhere/orders", None),
    ],
)
def test_a_counted_path_is_found(method: str, called: str, key: int | None) -> None:
    below = segments(template(called), "/shop")

    assert ((below is not None and Templates(OPERATIONS).operation(method, below)) or None) == key


def test_base_paths_with_what_looks_like_an_id_and_of_the_whole_port() -> None:
    assert segments(template("/v2024/orders"), "/v2024") == ["orders"]
    assert segments(template("/orders"), "/") == ["orders"]
    assert segments("/orders", "/orders/eu") is None


@pytest.mark.timeout(60)
def test_a_document_that_is_made_to_be_slow_is_not() -> None:
    """Every path of a tree in which each segment is literal or a parameter, and many mixed segments."""
    paths = ["".join(f"/{'a' if at >> bit & 1 else '{p}'}" for bit in range(13)) for at in range(2**13)]
    paths += [f"/{{x}}b{at}c{{y}}" for at in range(8000)]
    known = Templates((at, "GET", path) for at, path in enumerate(paths))

    for at in range(1000):
        assert known.operation("GET", [*["a"] * 12, f"n{at}"]) is not None
        assert known.operation("GET", [f"{'b' * 150}{at}"]) is None
    assert known.operation("GET", ["a"] * 100_000) is None
