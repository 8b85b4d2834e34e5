"""The path that a route sends on: its destination, then what is left of the client's, nothing more.

"/" comes between them or in front where there would be none and the destination is empty or ends with one;
of several that meet there one stays, since "//" in front of a path is a host's name to some programs.
"""

from dataclasses import dataclass
from typing import Any, Protocol

from gateways.agent.xds.path_regex import over_paths, over_rewritten, without_query
from gateways.protocol import regex
from gateways.protocol.groups import alternatives, are_whole_segments, begins_with_slash
from gateways.protocol.spelling import ENCODED_SLASH

Replacement = tuple[str, str]
"""A pattern, and what stands in the place of what it matches, in RE2's words."""


class Rewriting(Protocol):
    def over(self, expression: str) -> str:
        """The rule's expression as one over the paths that can be rewritten."""

    def action(self, destination: str) -> dict[str, Any]:
        """The part of Envoy's RouteAction that makes the path, nothing where it stays as it is."""

    def joining(self, destination: str) -> Replacement | None:
        """The same over a request's target, where segments may come of it that the client's path had not."""


@dataclass(frozen=True)
class PathRest:
    """What follows the base path, as it was sent. `base` is an expression."""

    base: str

    def over(self, expression: str) -> str:
        return over_paths(expression)

    def action(self, destination: str) -> dict[str, Any]:
        if not destination.strip("/"):
            return _action(f"^{self.base}/*", "/") if self.base else {}
        if destination.endswith("/"):
            return _action(f"^{self.base}/*", destination)
        return _action(f"^{self.base}" if self.base else "^/+", destination + ("" if self.base else "/"))

    def joining(self, destination: str) -> Replacement | None:
        return None


@dataclass(frozen=True)
class Bare:
    """The base path alone, of which the groups leave `rest`."""

    base: str
    rest: str

    def over(self, expression: str) -> str:
        return over_paths(expression)

    def action(self, destination: str) -> dict[str, Any]:
        is_joined = destination.endswith("/") or not destination
        text = (destination.rstrip("/") + "/" if is_joined else destination) + self.rest
        return _action(f"^{self.base}$", text)

    def joining(self, destination: str) -> Replacement | None:
        return None


@dataclass(frozen=True)
class CapturedGroups:
    """What the groups of a rule's expression hold, joined."""

    base: str
    expression: str

    def over(self, expression: str) -> str:
        return over_rewritten(expression)

    def action(self, destination: str) -> dict[str, Any]:
        pattern, substitution = self._replacement(self.expression, destination)
        return _action(f"^{self.base}(?:{pattern})$", substitution)

    def joining(self, destination: str) -> Replacement | None:
        if are_whole_segments(self.expression):
            return None
        pattern, substitution = self._replacement(without_query(self.expression), destination)
        return rf"^{self.base}(?:{pattern})(?:\?.*)?$", substitution

    def _replacement(self, expression: str, destination: str) -> Replacement:
        groups = "".join(rf"\{number}" for number in range(1, regex.groups(expression) + 1))
        in_front, pattern = destination.rstrip("/"), over_rewritten(expression)
        if in_front == destination != "":
            return pattern, destination + groups
        before, opening, inside, after = regex.around_first_group(expression)
        before, after = over_paths(before), over_rewritten(after)
        starts = [begins_with_slash(way) for way in alternatives(inside)]
        if all(starts):
            rest = "|".join(over_paths(way[1:]) for way in alternatives(inside))
            # Lazily: what follows the slashes of the joint is sent on as it came.
            slashes = f"/+(?:/|{ENCODED_SLASH})*?"
            return f"{before}(?:{slashes}{opening}{rest})){after}", f"{in_front}/{groups}"
        if not any(starts) and not inside.startswith("(?:/"):
            return f"{before}/*{opening}{over_paths(inside)}){after}", f"{in_front}/{groups}"
        return pattern, in_front + groups


def _action(pattern: str, substitution: str) -> dict[str, Any]:
    return {"regex_rewrite": {"pattern": {"regex": pattern}, "substitution": substitution}}
