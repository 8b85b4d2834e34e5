import random

import pytest

from gateways.protocol.histogram import LARGEST, bucket, merge, middle, percentile


def histogram_of(values: list[int]) -> dict[int, int]:
    return merge({bucket(value): 1} for value in values)


def test_every_value_is_given_back_within_five_percent() -> None:
    values = [random.Random(1).randrange(1, 10**10) for _ in range(2000)] + list(range(1, 3000))

    for value in values:
        assert abs(middle(bucket(value)) - value) <= 0.05 * value


def test_buckets_grow_with_their_values() -> None:
    buckets = [bucket(value) for value in range(-5, 100_000)]

    assert buckets == sorted(buckets)
    assert buckets[0] == 0
    assert bucket(10**30) == LARGEST


@pytest.mark.parametrize("seed", range(5))
def test_percentiles_are_within_five_percent_of_the_sorted_list(seed: int) -> None:
    chance = random.Random(seed)
    values = sorted(int(chance.lognormvariate(9, 1.5)) + 1 for _ in range(chance.randrange(1, 5000)))
    histogram = histogram_of(values)

    for q in (0.01, 0.5, 0.9, 0.95, 0.99, 1):
        exact = values[max(0, -int(-q * len(values) // 1) - 1)]
        assert percentile(histogram, q) == pytest.approx(exact, rel=0.05)


def test_merging_is_the_same_as_counting_together() -> None:
    chance = random.Random(7)
    values = [chance.randrange(10**7) for _ in range(1000)]

    parts = [histogram_of(values[start::7]) for start in range(7)]

    assert merge(parts) == histogram_of(values)


def test_no_traffic_has_no_percentile() -> None:
    assert percentile({}, 0.95) is None
