"""Compression: answers are sent compressed to callers that take it."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from policies.compiled import TYPE_URL, Compiled, Filter, Scope
from policies.policy import Category, Phase, Policy, PolicyConfig, at_most, fault

NAME = "compression"
MOST_TYPES = 50
TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}")
_COMPRESSION = TYPE_URL + "envoy.extensions.compression."
_COMPRESSOR = TYPE_URL + "envoy.extensions.filters.http.compressor.v3.Compressor"
LIBRARIES: dict[str, dict[str, Any]] = {
    "gzip": {"@type": _COMPRESSION + "gzip.compressor.v3.Gzip", "compression_level": "COMPRESSION_LEVEL_5"},
    "br": {"@type": _COMPRESSION + "brotli.compressor.v3.Brotli", "quality": 4},
    "zstd": {"@type": _COMPRESSION + "zstd.compressor.v3.Zstd", "compression_level": 3},
}
"""With the levels at which a second of processor time saves most bytes: callers wait for it."""


def _checked(media_type: str) -> str:
    if not TYPE.fullmatch(media_type.lower()):
        raise PydanticCustomError(
            "type", '"{type}" is no media type; write application/json', {"type": media_type[:80]}
        )
    return media_type.lower()


class Config(PolicyConfig):
    algorithms: Annotated[tuple[Literal["br", "gzip", "zstd"], ...], at_most(3, "algorithms")] = Field(
        ("br", "gzip"),
        title="Algorithms",
        description="The first one wins where a caller takes several alike. Each caller takes gzip.",
        json_schema_extra={"labels": {"br": "Brotli", "gzip": "gzip", "zstd": "Zstandard"}, "minItems": 1},
    )
    minimum_length: int = Field(
        1024,
        ge=30,
        le=2**31 - 1,
        title="From so many bytes on",
        description="Shorter answers gain nothing. One whose length is not told is compressed.",
    )
    content_types: Annotated[
        tuple[Annotated[str, AfterValidator(_checked)], ...], at_most(MOST_TYPES, "media types")
    ] = Field(
        (
            "application/javascript",
            "application/json",
            "application/problem+json",
            "application/xml",
            "image/svg+xml",
            "text/css",
            "text/csv",
            "text/html",
            "text/plain",
            "text/xml",
        ),
        title="Media types",
        description="What is compressed, without parameters. Images and archives are compressed already.",
        json_schema_extra={"minItems": 1, "maxItems": MOST_TYPES},
    )

    @model_validator(mode="after")
    def _compresses_something(self) -> Self:
        if not self.algorithms:
            raise fault("algorithms", "choose at least one")
        if len(set(self.algorithms)) < len(self.algorithms):
            raise fault("algorithms", "name each one once")
        if not self.content_types:
            raise fault("contentTypes", "name at least one media type")
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    """A filter for each algorithm; they agree on the one that compresses."""
    return Compiled(tuple(_compressor(config, scope, one) for one in config.algorithms))


def _compressor(config: Config, scope: Scope, algorithm: str) -> Filter:
    common: dict[str, Any] = {
        "min_content_length": config.minimum_length,
        "content_type": list(config.content_types),
    }
    typed = {
        "@type": _COMPRESSOR,
        "response_direction_config": {
            "common_config": common,
            "weaken_etag_on_compress": True,
            # Its Content-Range counts the bytes of what is not compressed.
            "uncompressible_response_codes": [206],
        },
        "compressor_library": {"name": algorithm, "typed_config": LIBRARIES[algorithm]},
        "choose_first": True,
    }
    return Filter(f"{scope.binding}/{algorithm}", typed)


POLICY = Policy(
    name=NAME,
    title="Compression",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.TRANSFORM,
    summary="Sends answers compressed, with Brotli, gzip or Zstandard, to callers that take it.",
    version="1.0.0",
    config=Config,
    compile=compile,
    aliases=("compression-flex",),
    icon="layers-2",
    acts_on_responses=lambda config: True,
)
