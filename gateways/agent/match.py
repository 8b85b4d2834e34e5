"""From the rules of a route to what Envoy matches and how it rewrites the path."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateways.agent import ir, regex


@dataclass(frozen=True)
class Match:
    """`match` is Envoy's RouteMatch; the path sent on is `pattern` replaced by destination + `replacement`.

    No pattern means that the path stays as it is but for the destination before it. `removed` is what is
    taken off the path's front, if nothing else is done to it; None where it is put together anew.
    """

    match: dict[str, Any]
    pattern: str = ""
    replacement: str = ""
    removed: str | None = None
    is_everything: bool = False

    def rewrite(self, destination: str) -> dict[str, Any]:
        """The part of Envoy's RouteAction that makes the path, nothing where it stays as it is."""
        if not self.pattern and not destination:
            return {}
        substitution = destination.replace("\\", "\\\\") + (self.replacement or "/")
        return {"regex_rewrite": {"pattern": {"regex": self.pattern or "^/"}, "substitution": substitution}}


def matches(base_path: str, rule: ir.Rule) -> Iterator[Match]:
    """One or two: a rule that takes "/" takes the bare base path too."""
    headers = [_full(name, text) for name, text in _headers(rule)]
    for found in _path(base_path, rule.path):
        every = [*found.match.get("headers", ()), *headers]
        yield Match(
            {**found.match, **({"headers": every} if every else {})},
            found.pattern,
            found.replacement,
            found.removed,
            found.is_everything and not headers,
        )


def predicate(base_path: str, rules: tuple[ir.Rule, ...]) -> dict[str, Any]:
    """A matcher predicate that holds when any of the rules does, for filters inside the API's routes."""
    return _joined("or_matcher", [_predicate(base_path, rule) for rule in rules])


def _predicate(base_path: str, rule: ir.Rule) -> dict[str, Any]:
    wanted = _headers(rule)
    if rule.path is not None:
        wanted.insert(0, (":path", _target(base_path, rule.path)))
    return _joined("and_matcher", [_header_predicate(name, text) for name, text in wanted])


def _target(base_path: str, expression: str) -> str:
    """An expression over the whole request target, query included."""
    bare = "|" if regex.captures(expression, "/") is not None else ""
    return regex.escape(base_path) + regex.over_targets(f"(?:{expression}){bare}")


def _headers(rule: ir.Rule) -> list[tuple[str, str]]:
    """(header, expression) of everything but the path. A host matches with or without dot and port behind.

    In HTTP/2 a method comes as the caller writes it, and there are upstreams to whom "get" is GET.
    """
    wanted = [(":method", f"(?i:{rule.methods})")] if rule.methods else []
    if rule.host:
        wanted.append((":authority", rf"(?i:{rule.host})\.?(?::[0-9]+)?"))
    return [*wanted, *((name.lower(), text) for name, text in rule.headers)]


def _path(base_path: str, expression: str | None) -> Iterator[Match]:
    base = regex.escape(base_path)
    if expression is None:
        if not base_path:
            yield Match({"prefix": "/"}, removed="", is_everything=True)
        else:
            match = {"path_separated_prefix": base_path}
            # Nothing is captured: only what is replaced is looked at, which is cheaper.
            yield Match(match, f"^{base}/?", "/", base_path, is_everything=True)
        return
    ruled: dict[str, Any] = {"safe_regex": {"regex": f"{base}(?:{expression})"}}
    if base_path and not _begins_with_slash(expression):
        ruled["headers"] = [_full(":path", f"{base}/.*")]
    removed = None if regex.groups(expression) else base_path
    yield Match(ruled, *_rewriting(base, expression), removed)
    captured = regex.captures(expression, "/")
    if base_path and captured is not None:
        rest = "".join(captured) if regex.groups(expression) else ""
        replacement = "/" + rest.lstrip("/").replace("\\", "\\\\")
        yield Match({"path": base_path}, f"^{base}$", replacement, None if rest else base_path)


def _rewriting(base: str, expression: str) -> tuple[str, str]:
    """(pattern, replacement) of the path that follows the base path, "" where nothing is rewritten.

    The groups are joined; where they do not bring a "/" in front, or may be empty, it is put there.
    """
    count = regex.groups(expression)
    if not count:
        return (f"^{base}/", "/") if base else ("", "")
    groups = "".join(rf"\{number}" for number in range(1, count + 1))
    before, opening, inside, after = regex.around_first_group(expression)
    if not inside.startswith("/"):
        return f"^{base}(?:{before}/?{opening}{inside}){after})$", f"/{groups}"
    if after.startswith(("?", "*")) and "|" not in inside:
        return f"^{base}(?:{before}(?:/{opening}{inside[1:]})){after})$", f"/{groups}"
    return f"^{base}(?:{expression})$", groups


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
