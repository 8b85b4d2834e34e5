"""Every named address of the console, with made-up arguments or with those of a test."""

import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import get_converters

Value = Callable[[str, str], object]


class Address(NamedTuple):
    """`arguments` are the names and kinds of what the route takes."""

    name: str
    route: str
    arguments: tuple[tuple[str, str], ...]

    @property
    def path(self) -> str:
        return self.filled(lambda _, kind: SAMPLES[kind])

    def filled(self, value: Value) -> str:
        """The path with the value for each argument's name and kind."""
        path = self.route
        for name, kind in self.arguments:
            for written in (f"<{kind}:{name}>", f"<{name}>"):
                path = path.replace(written, str(value(name, kind)))
        return path


SAMPLES = {"uuid": str(uuid.UUID(int=7)), "int": "7", "slug": "seven", "str": "seven", "path": "seven"}


def addresses() -> list[Address]:
    return sorted(_walk(get_resolver().url_patterns, "/"))


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[Address]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "admin":
                yield from _walk(pattern.url_patterns, prefix + str(pattern.pattern))
        elif pattern.name and hasattr(pattern.pattern, "converters"):
            yield Address(pattern.name, prefix + str(pattern.pattern), tuple(_arguments(pattern)))


def _arguments(pattern: URLPattern) -> Iterator[tuple[str, str]]:
    kinds = {type(converter): kind for kind, converter in get_converters().items()}
    for name, converter in pattern.pattern.converters.items():
        yield name, kinds.get(type(converter), "str")
