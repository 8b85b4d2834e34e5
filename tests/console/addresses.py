"""Every named address of the console, with made-up arguments."""

import uuid
from collections.abc import Iterator
from typing import NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import get_converters


class Address(NamedTuple):
    name: str
    path: str


SAMPLES = {"uuid": str(uuid.UUID(int=7)), "int": "7", "slug": "seven", "str": "seven", "path": "seven"}


def addresses() -> list[Address]:
    return sorted(_walk(get_resolver().url_patterns, "/"))


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[Address]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "admin":
                yield from _walk(pattern.url_patterns, prefix + str(pattern.pattern))
        elif pattern.name and hasattr(pattern.pattern, "converters"):
            yield Address(pattern.name, prefix + _filled(pattern))


def _filled(pattern: URLPattern) -> str:
    route = str(pattern.pattern)
    kinds = {type(converter): kind for kind, converter in get_converters().items()}
    for name, converter in pattern.pattern.converters.items():
        kind = kinds.get(type(converter), "str")
        for written in (f"<{kind}:{name}>", f"<{name}>"):
            route = route.replace(written, SAMPLES[kind])
    return route
