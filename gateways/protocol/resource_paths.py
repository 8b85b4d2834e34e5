"""What of a path traffic is counted by: replicas replace what looks like an id, and the console, which knows
the paths that an API documents, has to do the same to them.
"""

ID = "{id}"
OTHER = "(other)"
"""Paths that are not told apart."""
LONGEST = 200
"""Characters of a path that are looked at."""


def template(path: str) -> str:
    """The path with every segment that looks like an id replaced: /orders/4711 becomes /orders/{id}."""
    return "/".join(ID if is_id(part) else part for part in path[:LONGEST].split("/"))


def is_id(part: str) -> bool:
    return part.isdigit() or len(part) > 40 or sum(map(str.isdigit, part)) >= 3
