"""Latency histograms that merge by addition: {bucket: count}, microseconds, at most 5 % off.

Bucket b > 0 holds what lies in (GROWTH ** (b - 1), GROWTH ** b]; bucket 0 holds everything up to one
microsecond. A value is given back as its bucket's middle, so it is off by (GROWTH - 1) / (GROWTH + 1),
4.8 %, at most. 300 buckets would reach a month; a real API fills twenty or thirty.
"""

from collections.abc import Iterable, Mapping
from math import ceil, log

GROWTH = 1.1
LARGEST = 300

Histogram = dict[int, int]

_PER_BUCKET = 1 / log(GROWTH)
_MIDDLES: list[float] = [2 * GROWTH**index / (GROWTH + 1) for index in range(LARGEST + 1)]


def bucket(microseconds: int) -> int:
    """The bucket that holds this value."""
    if microseconds <= 1:
        return 0
    return min(ceil(log(microseconds) * _PER_BUCKET - 1e-9), LARGEST)


def merge(histograms: Iterable[Mapping[int, int]]) -> Histogram:
    """The histogram of all their values together."""
    whole: Histogram = {}
    for histogram in histograms:
        for index, count in histogram.items():
            whole[index] = whole.get(index, 0) + count
    return whole


def percentile(histogram: Mapping[int, int], q: float) -> float | None:
    """Microseconds at quantile q, 0 < q <= 1, by nearest rank. None when there was no traffic."""
    rank = ceil(q * sum(histogram.values()))
    for index in sorted(histogram):
        rank -= histogram[index]
        if rank <= 0:
            return middle(index)
    return None


def middle(index: int) -> float:
    """The value that stands for a bucket: equally far, in proportion, from both of its edges. One behind the
    largest stands for that.
    """
    return _MIDDLES[min(index, LARGEST)] if index > 0 else 1.0
