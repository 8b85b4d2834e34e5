"""Which requests a rule can ever be for: what is sound and fires for none, or is not what it looks like."""

import re
from collections.abc import Iterator, Mapping, Sequence

import re2

from gateways.protocol import regex
from gateways.protocol.languages import Effort, are_disjoint, contains
from gateways.protocol.rules import Rule

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
_NAME = re.compile(r"[\w~%-]")
_ESCAPED = re.compile(r"\\([^\w\s])")
_BARE = re.compile(r"[A-Za-z0-9_%~]")
_QUERY = re.compile(r"\\\?|\[\?\]|\?[\w.-]+=")
_GLOB = re.compile(r"/\*(?=/|$|\))")
_STAR = re.compile(r"(?<!\\)(?<!\\[pP])([\w-])\*(?=[/)|]|$)")
"""After a letter, as files are looked for; not after an escape, which stands for a class."""
_PREFIXED = r"\1.*"
_COLON = re.compile(r"/:[A-Za-z_]\w*(?=[/)?.|]|$)")
_ANGLES = re.compile(r"(?<=/)<(?:\w+:)?[A-Za-z_]\w*>")
_ADDRESS = re.compile(r"https?://[^/]*", re.IGNORECASE)
EVERYTHING = Rule()


def path_advice(path: str, base_path: str) -> Iterator[str]:
    """Of an expression over what follows the base path, which has no "/" at its end."""
    taken = regex.templated(path)
    if taken != path:
        yield f"is taken as {taken}: what stands in braces is one segment of the path"
    plain = _ESCAPED.sub(r"\1", taken).removeprefix("^")
    if address := _ADDRESS.match(plain):
        rest = plain[address.end() :].removeprefix(base_path) or "/"
        yield f"is an address; a path has neither scheme nor host: write {rest}"
    elif base_path and plain.startswith(base_path) and not _NAME.match(plain, len(base_path)):
        rest = plain[len(base_path) :] or "/"
        yield f"begins with the base path {base_path}, which is taken off before; write {rest}"
    elif _BARE.match(plain) and "|" not in plain:
        yield f'matches no path, since each begins with "/"; write /{path.removeprefix("^")}'
    if _QUERY.search(taken):
        yield "looks for a query, which is no part of the path; end it before the ?"
    if _GLOB.search(taken):
        yield f"has a * after a slash, which means more slashes; write {_GLOB.sub('/.*', path)}"
    elif _STAR.search(taken):
        yield f"has a * after a letter, which means more of that letter; write {_STAR.sub(_PREFIXED, path)}"
    if _COLON.search(taken):
        yield f"has a name after a colon, which stands for itself; write {_COLON.sub('/[^/]+', path)}"
    if _ANGLES.search(taken):
        yield f"has a name in angle brackets, which stands for itself; write {_ANGLES.sub('[^/]+', path)}"
    if any(piece == "{" and not in_class for _, piece, in_class in regex.tokens(taken)):
        yield "has a brace, which stands for itself; write [^/]+ for a segment, .* for the rest of the path"
    if "//" in plain and not address:
        yield "has two slashes in a row, which are one to rules; write one"


def methods_advice(methods: str) -> Iterator[str]:
    try:
        regex.check(methods)
    except regex.BadRegex:
        return
    found = re2.compile(f"(?i:{methods})", regex.OPTIONS)
    if not any(found.fullmatch(method) for method in METHODS):
        yield "matches none of the usual methods; write GET, or GET|POST for several"


def host_advice(host: str) -> Iterator[str]:
    if "/" in host:
        yield "holds a slash; a host has neither scheme nor path: write api.example.com"


def advice(rule: Mapping[str, str | None], base_path: str) -> Iterator[tuple[str, str]]:
    """(field, what to think about) of a rule's path, methods and host."""
    if path := rule.get("path"):
        yield from (("path", text) for text in path_advice(path, base_path))
    if methods := rule.get("methods"):
        yield from (("methods", text) for text in methods_advice(methods))
    if host := rule.get("host"):
        yield from (("host", text) for text in host_advice(host))


def never_reached(routes: Sequence[Sequence[Rule]]) -> Iterator[tuple[int, int]]:
    """(place, place of the route before that leaves it nothing) of each route that gets no request.

    A route is given by its rules; one without any takes every request.
    """
    effort = Effort()
    for at, route in enumerate(routes):
        wanted = route or (EVERYTHING,)
        for before, other in enumerate(routes[:at]):
            if all(any(_covers(one, rule, effort) for one in other or (EVERYTHING,)) for rule in wanted):
                yield at, before
                break


def is_never_met(conditions: Sequence[Rule], routes: Sequence[Sequence[Rule]], effort: Effort) -> bool:
    """Whether surely no request that a route takes meets one of the conditions."""
    rules = [rule for route in routes for rule in route or (EVERYTHING,)]
    return bool(conditions and rules) and all(
        _exclude(rule, condition, effort) for condition in conditions for rule in rules
    )


def _exclude(rule: Rule, condition: Rule, effort: Effort) -> bool:
    one, other = _bare(rule.methods), _bare(condition.methods)
    by_method = rule.methods and condition.methods
    if by_method and are_disjoint(one, other, ignores_case=True, effort=effort):
        return True
    if rule.path is None or condition.path is None:
        return False
    return are_disjoint(rule.path, condition.path, as_condition=True, effort=effort)


def _covers(one: Rule, other: Rule, effort: Effort) -> bool:
    """Whether all that the other rule takes is surely taken by this one."""

    def holds(mine: str | None, theirs: str, *, ignores_case: bool = False) -> bool:
        return mine is None or contains(mine, theirs, ignores_case=ignores_case, effort=effort)

    methods = one.methods and _bare(one.methods)
    return (
        set(one.headers) <= set(other.headers)
        and holds(methods, _bare(other.methods), ignores_case=True)
        and holds(one.host, other.host or ".*", ignores_case=True)
        and holds(one.path, other.path or "/.*")
    )


def _bare(methods: str | None) -> str:
    """Without anchors, which say nothing where all of a method must match."""
    return methods.removeprefix("^").removesuffix("$") if methods else ".*"
