"""The figures of an API's traffic that API Manager shows; analytics, which lies above it, gives them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Traffic:
    """Of the last 24 hours. `errors` are answers of 400 and above."""

    requests: int
    errors: int

    @property
    def error_rate(self) -> float | None:
        """In percent; None without requests."""
        return 100 * self.errors / self.requests if self.requests else None


Source = Callable[[Iterable[int]], Mapping[int, Traffic]]
_sources: list[Source] = []


def provide(source: Source) -> None:
    """Called once, when the app that knows the figures is ready."""
    _sources[:] = [source]


def last_day(api_ids: Iterable[int]) -> dict[int, Traffic]:
    """By API id; an API without figures is left out."""
    ids = list(api_ids)
    return {pk: figures for source in _sources for pk, figures in source(ids).items()}
