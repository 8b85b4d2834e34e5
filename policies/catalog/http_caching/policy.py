"""HTTP Caching: answers from memory what an upstream has answered before."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from policies.catalog.http_caching import arrivals, shared, store
from policies.catalog.http_caching.forgotten import Forgotten
from policies.compiled import TYPE_URL, Compiled, Filter, Scope, Script
from policies.expression import lua, nodes
from policies.expression.lua import Value
from policies.fields.expressions import Expression, RequestExpression, ResponseExpression
from policies.fields.headers import RequestHeaderName
from policies.memory import shared_file
from policies.policy import Category, Phase, Policy, PolicyConfig, fault
from policies.scripting.script import SHA256, script
from policies.traits import Advice

NAME = "http-caching"
YEAR_SECONDS = 31_536_000
KEY = "#[attributes.requestPath]"
READS = "#[attributes.method == 'GET' or attributes.method == 'HEAD']"
STATUSES = (200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501)
KEPT = f"#[[{', '.join(map(str, STATUSES))}] contains attributes.statusCode]"
_RULES, _ANSWER, _LOOKUP, _CAPTURE = (
    Path(__file__).with_name(name) for name in ("rules.lua", "answer.lua", "lookup.lua", "capture.lua")
)
_FILES = [shared_file.LUA, *store.LUA, _RULES, _ANSWER]
_FORGETTING = [SHA256, shared_file.LUA, *store.LUA, shared.LUA]
_SHARED_FILES = [*_FORGETTING, _RULES, _ANSWER]
_SHARED_ANSWERS = [*_FORGETTING, arrivals.LUA, _RULES, _ANSWER]
_PATHS = frozenset(("attributes.requestPath", "attributes.requestUri"))
_QUERIES = frozenset(("attributes.queryParams", "attributes.queryString", "attributes.requestUri"))
_WRITES = frozenset(("POST", "PUT", "PATCH", "DELETE"))
_STATUSES = lua.Source(f"{{{', '.join(f'[{one}] = true' for one in STATUSES)}}}")
_MUTATION = TYPE_URL + "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"


def _is_off(value: bool) -> bool:
    """A cache goes by its configuration: what is off is left out, as releases before have it."""
    return not value


OrderHeader = Annotated[RequestHeaderName | None, BeforeValidator(lambda told: told or None)]


class Config(PolicyConfig):
    http_caching_key: RequestExpression = Field(
        KEY,
        validate_default=True,
        title="Key",
        description="What answers are told apart by. Host and query always count, and the path, too, unless "
        "the expression reads them itself. One that reads who calls keeps each caller's answers "
        "for him alone.",
    )
    max_cache_entries: int = Field(
        10_000,
        ge=1,
        le=store.MOST_ENTRIES,
        title="Answers at most",
        description="How many are kept; the oldest one makes room. One has at most 1 MB, all of a gateway's "
        "caches together 256 MB.",
    )
    ttl: int = Field(
        600,
        ge=1,
        le=YEAR_SECONDS,
        title="Time to live",
        description="How long an answer is used at most. What its own headers say only shortens that.",
        json_schema_extra={"format": "duration-s"},
    )
    distributed: bool = Field(
        False,
        title="Share among replicas",
        description="What one replica keeps the others have too, and what is invalidated at one, by header "
        "or write, the others forget within a quarter of a second, where the gateway has shared storage; "
        "without, its row warns. Answers are sealed; in Local Mode that needs a sealingKey.",
        json_schema_extra={"advanced": True},
    )
    persist_cache: bool = Field(
        False,
        title="Keep over restarts",
        description="Keeps the answers in a file of the gateway's state folder, so that they outlive a "
        "restart of the gateway. A restart of the machine empties it all the same.",
    )
    use_http_cache_headers: bool = Field(
        True,
        title="Heed cache headers",
        description="Cache-Control, Expires and Age say how long, and callers may ask for a fresh answer. "
        "Without it the time to live alone counts; what is private or not to be stored never is, "
        "with it or without.",
    )
    explicit_freshness_only: bool = Field(
        False,
        exclude_if=_is_off,
        title="Only what says how long",
        description="Keeps no answer that says nothing of its time (max-age, s-maxage or Expires), nor by "
        "which it could be asked about again. Without it the time to live holds for those. Counts where "
        "cache headers are heeded.",
        json_schema_extra={"advanced": True, "when": {"useHttpCacheHeaders": [True]}},
    )
    keep_set_cookie: bool = Field(
        False,
        exclude_if=_is_off,
        title="Keep answers that set cookies",
        description="Whoever asks next gets the same cookie: with a session's, callers take part in each "
        "other's. Only for upstreams whose cookies are for all, or with a key that tells callers apart.",
        json_schema_extra={"advanced": True},
    )
    invalidation_header: OrderHeader = Field(
        None,
        title="Header that invalidates",
        description='A request that has it with "invalidate" forgets the answer for its key, with '
        '"invalidate-all" all of them. Upstreams do not get it.',
        json_schema_extra={"advanced": True, "examples": ["x-cache-order"]},
    )
    invalidation_expression: RequestExpression | None = Field(
        None,
        title="Who may invalidate",
        description="Without it, whoever may call the API. Nobody else's header does anything.",
        json_schema_extra={"advanced": True, "examples": ["#[authentication.clientId == 'operations']"]},
    )
    request_expression: RequestExpression = Field(
        READS,
        validate_default=True,
        title="Requests",
        description="Which requests are answered from the cache. Methods other than GET and HEAD never are.",
        json_schema_extra={"advanced": True},
    )
    response_expression: ResponseExpression = Field(
        KEPT,
        validate_default=True,
        title="Answers",
        description="Which answers are kept. Part of an answer (206) never is.",
        json_schema_extra={"advanced": True},
    )

    def model_post_init(self, context: object, /) -> None:
        for field, value in (
            ("requestExpression", self.request_expression),
            ("responseExpression", self.response_expression),
            ("invalidationExpression", self.invalidation_expression),
        ):
            if value is not None and value.constant is not None:
                raise fault(field, "write a condition in #[ ] that gives true or false")


def compile(config: Config, scope: Scope) -> Compiled:
    is_shared = config.distributed and scope.shares_counts
    shares = is_shared and scope.shares_answers
    files = _SHARED_ANSWERS if shares else _SHARED_FILES if is_shared else _FILES
    common: dict[str, Value] = {
        "binding": scope.binding,
        "cache": f"{scope.binding}\n{_digest(config)}{' shared' if is_shared else ''}",
        "most": config.max_cache_entries,
        "store": store.settings(scope.state, persists=config.persist_cache),
        "arrivals": arrivals.settings(scope.state, persists=config.persist_cache) if shares else None,
        "ttl_ms": config.ttl * 1000,
        "heeds": config.use_http_cache_headers,
        "is_private": _tells_callers_apart(config),
    }
    came_from = f"x-gatewright-from-{hashlib.sha256(scope.binding.encode()).hexdigest()[:8]}"
    behind = _capture(config, scope, files, {**common, "from": came_from}), _noted(scope, came_from)
    return Compiled((_lookup(config, scope, files, common),), behind=behind)


def _lookup(config: Config, scope: Scope, files: Sequence[Path], common: dict[str, Value]) -> Script:
    read = _variables(config.http_caching_key)
    invalidation = config.invalidation_header.lower() if config.invalidation_header else None
    settings: dict[str, Value] = {
        **common,
        "key": None if config.http_caching_key.text == KEY else config.http_caching_key.lua,
        "adds_path": config.http_caching_key.text == KEY or not read & _PATHS,
        "adds_query": not read & _QUERIES,
        "when": None if config.request_expression.text == READS else config.request_expression.lua,
        "invalidation": invalidation,
        "may_invalidate": config.invalidation_expression.lua if config.invalidation_expression else None,
    }
    made = script(scope, NAME, [*files, _LOOKUP], settings, evaluates=True)
    # Whether a policy has told the caller apart, and not what the expressions read alone.
    return replace(made, needs=made.needs | {"authentication"})


def _capture(config: Config, scope: Scope, files: Sequence[Path], common: dict[str, Value]) -> Script:
    is_usual = config.response_expression.text == KEPT
    settings: dict[str, Value] = {
        **common,
        "statuses": _STATUSES if is_usual else None,
        "keeps_cookies": config.keep_set_cookie,
        "wants_lifetime": config.explicit_freshness_only and config.use_http_cache_headers,
        "wanted": None if is_usual else config.response_expression.lua,
    }
    return script(scope, NAME, [*files, _CAPTURE], settings, evaluates=True, sees_response=True)


def _noted(scope: Scope, name: str) -> Filter:
    """
    Tells the script before it whether an upstream answered, by which protocol, and what was sent: no time
    while the request goes on, and the length of its body so far.
    """
    told = "%RESPONSE_CODE_DETAILS% %UPSTREAM_PROTOCOL% %REQUEST_DURATION% %BYTES_RECEIVED%"
    header = {"key": name, "value": told}
    added = {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
    mutations = {"@type": _MUTATION, "mutations": {"response_mutations": [added]}}
    return Filter(f"{scope.binding}/from", mutations)


def _digest(config: Config) -> str:
    """A cache begins anew with another configuration: another key tells other answers apart."""
    return hashlib.sha256(json.dumps(config.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[
        :16
    ]


def _variables(expression: Expression) -> frozenset[str]:
    parts = nodes.parts(expression.node)
    return frozenset(one.name for one in parts if isinstance(one, nodes.Variable))


def _tells_callers_apart(config: Config) -> bool:
    return bool(nodes.needed(config.http_caching_key.node)) or _reads_credentials(config)


def _reads_credentials(config: Config) -> bool:
    return any(
        isinstance(one, nodes.Select)
        and one.of == nodes.Variable("attributes.headers")
        and (
            not isinstance(one.key, nodes.Literal)
            or str(one.key.value).lower() in ("authorization", "cookie")
        )
        for one in nodes.parts(config.http_caching_key.node)
    )


_DECIDING = {"requestExpression": "request_expression", "responseExpression": "response_expression"}


def advice(config: Config) -> Iterator[Advice]:
    if config.invalidation_header and config.invalidation_expression is None:
        reason = "lets whoever may call the API empty its cache; say who may invalidate"
        yield Advice("invalidationHeader", reason)
    if config.keep_set_cookie and not _tells_callers_apart(config):
        reason = "gives one caller's cookies to all; let the key tell who calls, or leave it off"
        yield Advice("keepSetCookie", reason)
    if config.invalidation_expression is not None and not config.invalidation_header:
        yield Advice("invalidationExpression", "does nothing without a header that invalidates")
    who = config.invalidation_expression
    if config.invalidation_header and who is not None and (may := nodes.truth(who.node)) is not None:
        yield Advice(
            "invalidationExpression", f"lets {'whoever may call' if may else 'nobody'} empty the cache"
        )
    for field, one in _DECIDING.items():
        if nodes.truth(getattr(config, one).node) is False:
            yield Advice(field, "holds for none: nothing is ever kept")
    named = {
        one.value for one in nodes.parts(config.request_expression.node) if isinstance(one, nodes.Literal)
    }
    if wanted := sorted(_WRITES & named):
        yield Advice(
            "requestExpression", f"answers to {wanted[0]} are never kept, whatever it says; GET and HEAD are"
        )


POLICY = Policy(
    name=NAME,
    title="HTTP Caching",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.CACHE,
    summary="Answers from memory what the upstream has answered before.",
    version="1.2.0",
    config=Config,
    compile=compile,
    aliases=("http-caching-flex",),
    prepare=store.prepare,
    unobservable="it refuses nobody but who asks for it, with only-if-cached",
    shares=Forgotten,
    distributes=lambda config: config.distributed,
    seals=True,
    advice=advice,
    icon="database",
    acts_on_responses=lambda config: True,
)
