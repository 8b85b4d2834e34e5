"""One API as Envoy has it: what compiling it gives."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from gateways.agent.translate import ir
from gateways.agent.xds.kept import Kept
from policies.answers.question import AUTHORIZER
from policies.compiled import Secret
from policies.documents.document import Document, Texts


@dataclass(frozen=True)
class CompiledApi:
    """One API as Envoy has it; `clusters` by name, `frames` of its policies' scripts by id.

    `clusters` are those of its upstreams and those that its policies ask. `secrets` are in files,
    `services` the upstreams' by the names of their clusters.

    `settings` are those of the compiler that made it, `documents` the texts that its policies asked for.
    `kept` are filters that outlive its routes.
    """

    api: ir.Api
    settings: tuple[Any, ...]
    routes: tuple[dict[str, Any], ...]
    clusters: Mapping[str, dict[str, Any]]
    frames: Mapping[str, str]
    secrets: tuple[Secret, ...] = ()
    services: Mapping[str, str] = field(default_factory=dict)
    documents: Mapping[Document, str | None] = field(default_factory=dict)
    kept: Kept | None = None

    def is_made_with(self, texts: Texts) -> bool:
        """Whether its policies would be given the same."""
        return all(texts.get(one) == text for one, text in self.documents.items())

    @property
    def asks(self) -> bool:
        """Whether one of its policies asks the network in a request."""
        return AUTHORIZER in self.clusters

    @cached_property
    def written(self) -> tuple[orjson.Fragment, ...]:
        """The routes as they stand in Envoy's file: of a thousand APIs most are the same in the next one."""
        return tuple(orjson.Fragment(orjson.dumps(one, option=orjson.OPT_SORT_KEYS)) for one in self.routes)

    @cached_property
    def digest(self) -> str:
        plain = json.dumps(
            [self.routes, self.clusters, repr(self.kept), repr(self.api.listener)], sort_keys=True
        )
        return hashlib.sha256(plain.encode()).hexdigest()
