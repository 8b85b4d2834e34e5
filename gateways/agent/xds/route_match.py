"""From the rules of a route to what Envoy matches."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from gateways.agent.xds.path_regex import over_paths, over_targets
from gateways.agent.xds.rewriting import Bare, CapturedGroups, PathRest, Rewriting
from gateways.protocol import regex
from gateways.protocol.rules import Rule


@dataclass(frozen=True)
class Match:
    """`match` is Envoy's RouteMatch; `path` makes the path that is sent on.

    `removed` is what is taken off the path's front, if nothing else is done to it; None where it is put
    together anew. What `is_refused` cannot be rewritten.
    """

    match: dict[str, Any]
    path: Rewriting
    removed: str | None = None
    is_everything: bool = False
    is_refused: bool = False


def matches(base_path: str, rule: Rule) -> Iterator[Match]:
    """A rule that takes "/" takes the bare base path too; one with groups refuses what they cannot divide."""
    headers = [_full(name, text) for name, text in _headers(rule)]
    for found in _path(base_path, rule.path):
        every = [*found.match.get("headers", ()), *headers]
        match = {**found.match, **({"headers": every} if every else {})}
        yield replace(found, match=match, is_everything=found.is_everything and not headers)


def predicate(base_path: str, rules: tuple[Rule, ...]) -> dict[str, Any]:
    """A matcher predicate that holds when any of the rules does, for filters inside the API's routes."""
    return _joined("or_matcher", [_predicate(base_path, rule) for rule in rules])


def _predicate(base_path: str, rule: Rule) -> dict[str, Any]:
    """Of a header's values any will do, so that nobody avoids a policy by another one beside it."""
    own = [(name.lower(), _any_of(text)) for name, text in rule.headers]
    wanted = [*_headers(replace(rule, headers=())), *own]
    if rule.path is not None:
        wanted.insert(0, (":path", _target(base_path, rule.path)))
    return _joined("and_matcher", [_header_predicate(name, text) for name, text in wanted])


def _target(base_path: str, expression: str) -> str:
    """An expression over the whole request target, query included."""
    bare = "|" if regex.captures(expression, "/") is not None else ""
    return regex.escape(base_path) + over_targets(f"(?:{expression}){bare}")


def _any_of(expression: str) -> str:
    """Over a header's values with commas between, as Envoy has several: that one of them, or all, are so."""
    plain = expression
    if "|" not in plain and not plain.endswith(r"\$"):
        plain = plain.removeprefix("^").removesuffix("$")
    return rf"(?s:(?:.*,)?[ \t]*)(?:{plain})(?s:[ \t]*(?:,.*)?)"


def _headers(rule: Rule) -> list[tuple[str, str]]:
    """(header, expression) of everything but the path. A host matches with or without dots, and what servers
    take for a port, behind: an empty one too, and to nginx whatever follows a colon.

    In HTTP/2 a method comes as the caller writes it, and there are upstreams to whom "get" is GET.
    """
    wanted = [(":method", f"(?i:{rule.methods})")] if rule.methods else []
    if rule.host:
        wanted.append((":authority", rf"(?i:{rule.host})\.*(?s::.*)?"))
    return [*wanted, *((name.lower(), text) for name, text in rule.headers)]


def _path(base_path: str, expression: str | None) -> Iterator[Match]:
    base = regex.escape(base_path)
    if expression is None:
        match = {"path_separated_prefix": base_path} if base_path else {"prefix": "/"}
        yield Match(match, PathRest(base), base_path, is_everything=True)
        return
    has_groups = regex.groups(expression) > 0
    path: Rewriting = CapturedGroups(base, expression) if has_groups else PathRest(base)
    yield _ruled(base, expression, path.over(expression), path, None if has_groups else base_path)
    captured = regex.captures(expression, "/")
    if base_path and captured is not None:
        rest = "".join(captured).strip("/")
        yield Match({"path": base_path}, Bare(base, rest), None if rest else base_path)
    if has_groups and path.over(expression) != over_paths(expression):
        yield replace(_ruled(base, expression, over_paths(expression), path, ""), is_refused=True)


def _ruled(base: str, rule: str, expression: str, path: Rewriting, removed: str | None) -> Match:
    match: dict[str, Any] = {"safe_regex": {"regex": f"{base}(?:{expression})"}}
    if base and not _begins_with_slash(rule):
        match["headers"] = [_full(":path", f"{base}/.*")]
    return Match(match, path, removed)


def _begins_with_slash(expression: str) -> bool:
    return "|" not in expression and expression.startswith(("/", "(/", "(?:/"))


def _full(name: str, expression: str) -> dict[str, Any]:
    return {"name": name, "string_match": {"safe_regex": {"regex": expression}}}


def _header_predicate(name: str, expression: str) -> dict[str, Any]:
    return {
        "single_predicate": {
            "input": {
                "name": name,
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
                    "header_name": name,
                },
            },
            "value_match": {"safe_regex": {"google_re2": {}, "regex": expression}},
        }
    }


def _joined(how: str, predicates: list[dict[str, Any]]) -> dict[str, Any]:
    return predicates[0] if len(predicates) == 1 else {how: {"predicate": predicates}}
