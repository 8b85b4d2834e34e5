"""What a policy compiles to, and what it is told of where it is compiled."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from policies.documents.document import Document, Texts

SECRETS = "secrets"
"""The folder of secrets within the state folder."""
ANSWER_MARK = "x-gatewright-answered"
BUFFER_BYTES = 1_048_576
"""Of a body that is read as a whole, where the gateway says nothing else."""
TYPE_URL = "type.googleapis.com/"
SETTINGS = "--[[settings]]"
"""Where a frame has its settings; scripts.lua looks for it too."""


@dataclass(frozen=True)
class Filter:
    """One HTTP filter of a route's chain: `typed_config` holds its "@type" and its fields.

    `needs` and `gives` name variables of the expression language. A filter that gives one does nothing
    else: it is left out of an API none of whose policies needs it.

    `only_if` is a predicate of Envoy's matchers: for a request that does not meet it the filter does
    nothing, so it need not be made at all. One that `acts_always` would act even then: it must not be made.
    `met` is what does the same for one that meets it, where that is less for Envoy to make. One that
    `refuses` lets no request through that meets it. What one counts that `counts_by_name` Envoy keeps by a
    name, wherever and however often the filter is made.
    """

    name: str
    typed_config: Mapping[str, Any]
    needs: frozenset[str] = frozenset()
    gives: str = ""
    only_if: Mapping[str, Any] | None = None
    acts_always: bool = False
    met: Mapping[str, Any] | None = None
    refuses: bool = False
    counts_by_name: bool = False


@dataclass(frozen=True)
class SharedFilters:
    """Filters that are the same for every API, so that no route need repeat them.

    Each listener has them once, before all others; a request passes them where a policy of its API has their
    name in Compiled.shared.
    """

    name: str
    filters: tuple[Filter, ...]


@dataclass(frozen=True)
class Script:
    """A Lua filter in two: `frame`, the code that all uses of a policy have in common, and `settings`.

    `settings` is Lua too and takes the frame's SETTINGS place. `needs`, `gives` and `only_if` are as in
    Filter.
    """

    name: str
    frame: str
    settings: str
    sees_response: bool = False
    needs: frozenset[str] = frozenset()
    gives: str = ""
    only_if: Mapping[str, Any] | None = None

    @property
    def typed_config(self) -> Mapping[str, Any]:
        """The same as a filter of its own."""
        source = self.frame.replace(SETTINGS, self.settings, 1)
        lua = TYPE_URL + "envoy.extensions.filters.http.lua.v3.Lua"
        return {"@type": lua, "default_source_code": {"inline_string": source}}


@dataclass(frozen=True)
class Cluster:
    """A server that a policy asks, as Envoy takes it; `name` stands for all of `config`."""

    name: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Secret:
    """A text for Envoy that stands in a file of its own, readable by its owner alone, and nowhere else.

    Envoy's configuration names the file, and the name says nothing of the text.
    """

    path: Path
    text: str = field(repr=False)


@dataclass(frozen=True)
class Compiled:
    """What a policy adds to its API's routes, and what it needs beside them.

    `filters` run in this order inside the route's chain. `behind` run behind the filters of all policies,
    whatever the policy's conditions: they alone see what the upstream answered before another policy changes
    it, and whether a request got so far. `kept` run there too, where the conditions hold: all routes of the
    API have them in common, and a change of other routes leaves what they know. `shared` names those of
    Policy.shared_filters that requests pass before all policies, whatever the policy's conditions.
    `clusters` stand beside those of upstreams, one for all policies that ask the same one.
    `route_action` are entries of Envoy's RouteAction, for all of the API's routes that lead to an upstream.
    `upstream_filters` and `cluster` are an outbound policy's. The filters act on what is sent to the
    upstream, each try of it; `cluster` are entries of the upstream's cluster. `response_seconds` is how long
    an upstream of the API may take to begin an answer: the strictest of several policies holds.

    `answer_mark` is the value of a header that scripts of the API see on answers which the gateway gives
    itself, ANSWER_MARK, and on no other: nobody else knows it. The script takes it off.

    What is said of the action and the cluster takes the place of what the gateway says, as deep as both have
    mappings. Of several policies the action's lists are added up; anything else one alone may say.
    """

    filters: tuple[Filter | Script, ...] = ()
    behind: tuple[Filter | Script, ...] = ()
    kept: tuple[Filter, ...] = ()
    shared: tuple[str, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    secrets: tuple[Secret, ...] = ()
    route_action: Mapping[str, Any] = field(default_factory=dict)
    upstream_filters: tuple[Filter, ...] = ()
    cluster: Mapping[str, Any] = field(default_factory=dict)
    response_seconds: float | None = None
    answer_mark: str = ""


@dataclass(frozen=True)
class Scope:
    """Where one binding of a policy is compiled.

    `binding` is unique on the gateway and stable across pushes ("namespace/name"): counters are kept
    by it, and filters are named after it. `base_path` is "" or starts with "/" and has none at its
    end. `state` is the gateway's state folder, where shared memory lives. `trusted_ca` is the file of the
    CAs that the gateway trusts; `salt` makes names of secrets unlike those of any other gateway.
    `noted_as` is the name under which the access log tells of it, `observed_as` the same where it only
    observes. Scripts heed it by themselves; a native filter must not refuse then.
    `documents` has the texts that are at hand of what policies need from the network: what a policy asks it
    for is fetched and kept, and the policy is compiled anew when that changes. `shares_counts` says that
    replicas tell each other what they count, `shares_answers` that they have a key in common to seal what
    they tell each other of answers with. `title` is the API's as people know it, ASCII without quotation
    marks, "" where it has none. `buffer_bytes` is how large a body may be that a policy reads
    as a whole; scripts heed it by themselves.
    """

    binding: str
    api: str
    base_path: str
    state: Path
    trusted_ca: str = ""
    salt: bytes = field(default=b"", repr=False)
    observed_as: str = ""
    documents: Texts = field(default_factory=dict[Document, str], repr=False)
    noted_as: str = ""
    shares_counts: bool = False
    shares_answers: bool = False
    buffer_bytes: int = BUFFER_BYTES
    title: str = ""

    @property
    def realm(self) -> str:
        """What challenges call the API: one for all of its paths, and another one for each API of a port."""
        return self.title or self.api.rpartition("/")[2]

    @property
    def observing(self) -> "Scope":
        """The same for a policy that only observes by its own configuration."""
        return replace(self, observed_as=self.observed_as or self.noted_as or self.binding)

    def secret(self, text: str) -> Secret:
        """To be named by its path, and given back as one of Compiled.secrets."""
        name = hashlib.blake2b(text.encode(), key=self.salt, digest_size=16).hexdigest()
        return Secret(self.state / SECRETS / name, text)
