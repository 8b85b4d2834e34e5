"""What the capturing groups of a rule's expression hold of a path: whole segments, or less."""

import re

from gateways.protocol import regex

_TIMES = re.compile(r"(?:[?*+]|\{[0-9]+(?:,[0-9]*)?\})\??")
"""A quantifier behind a group."""


def alternatives(expression: str) -> list[str]:
    """What stands between the "|" that are in no group."""
    found, depth, start = [], 0, 0
    for position, piece, in_class in regex.tokens(expression):
        if in_class:
            continue
        if piece == "|" and depth == 0:
            found.append(expression[start:position])
            start = position + 1
        depth += regex.opens(piece) - (piece == ")")
    return [*found, expression[start:]]


def begins_with_slash(expression: str) -> bool:
    return expression.startswith("/") and not expression.startswith(("/?", "/*", "/+", "/{"))


def are_whole_segments(expression: str) -> bool:
    """Whether each group surely holds whole segments of the path, from a slash to before the next or the end.

    Then what is put together from them has no segment that the path did not have. False where in doubt.
    """
    if len(alternatives(expression)) > 1:
        return False
    is_single, rest = regex.groups(expression) == 1, expression
    while regex.groups(rest):
        before, _, inside, after = regex.around_first_group(rest)
        starts = begins_with_slash(inside) or (is_single and _ends_with_slash(before))
        if not starts or not _is_balanced(before) or regex.groups(inside) or len(alternatives(inside)) > 1:
            return False
        rest = after.removeprefix("?")
        if rest and not begins_with_slash(rest) and not rest.startswith("(/"):
            return False
    return True


def glued(expression: str, destination: str) -> str | None:
    """What would be clearer where a slash of the rule is lost between the parts that are sent on, else None.

    `/v1/(.*)` before `/orders` sends `/v1/a` to `/ordersa`: the slash stands outside of the group.
    """
    parts, rest, is_lost = "", expression, False
    in_front = destination
    while _has_group(rest):
        before, opening, inside, after = regex.around_first_group(rest)
        is_open = bool(in_front) and not in_front.endswith("/")
        if _has_group(inside) or not _is_balanced(before) or len(alternatives(before)) > 1:
            return None
        if is_open and _ends_with_slash(before) and not any(map(begins_with_slash, alternatives(inside))):
            is_lost = True
            before, opening = before[:-1], opening + "/"
            if len(alternatives(inside)) > 1:
                inside = f"(?:{inside})"
        times = _TIMES.match(after)
        repeated = times[0] if times else ""
        parts += f"{before}{opening}{inside}){repeated}"
        in_front, rest = inside, after.removeprefix(repeated)
    return parts + rest if is_lost else None


def glue_advice(expression: str, destination: str) -> str | None:
    if (clearer := glued(expression, destination)) is None:
        return None
    return (
        f"loses the slash before a group: the path sent on is {destination or '/'} and what the groups hold, "
        f"with nothing between; write {clearer}"
    )


def _has_group(part: str) -> bool:
    """Whether a part of an expression, which need not be sound by itself, has a capturing group."""
    return any(regex.is_capturing(piece) for _, piece, in_class in regex.tokens(part) if not in_class)


def _ends_with_slash(expression: str) -> bool:
    pieces = [(piece, in_class) for _, piece, in_class in regex.tokens(expression)]
    return bool(pieces) and pieces[-1] == ("/", False)


def _is_balanced(expression: str) -> bool:
    pieces = [piece for _, piece, in_class in regex.tokens(expression) if not in_class]
    return sum(map(regex.opens, pieces)) == pieces.count(")")
