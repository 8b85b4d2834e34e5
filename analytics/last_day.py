"""Gives API Manager, which lies below, the figures that its list shows."""

from collections.abc import Iterable

from analytics import queries
from apis.traffic import Traffic


def last_day(apis: Iterable[int]) -> dict[int, Traffic]:
    return {api: Traffic(*counts) for api, counts in queries.last_day(apis).items()}
