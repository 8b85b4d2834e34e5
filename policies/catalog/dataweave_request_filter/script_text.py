"""What users write as a script: an expression, with DataWeave's header before it or without."""

import re

from policies.expression.context import SCRIPT
from policies.expression.nodes import Conditional, Node, Object, Variable, parts, truth
from policies.expression.parser import CLOSE, OPEN, ExpressionError
from policies.fields.expressions import Expression

MARK = "---"
_HEADER = re.compile(r"\s*(?:%dw 2\.\d+\s*|output application/(?:json|java)\s*|\s*)")


class UnfitScript(ValueError):
    """Says what to write instead."""


def read(text: str) -> Expression:
    """Raises UnfitScript, and ExpressionError as all expressions do."""
    header, mark, body = text.rpartition(f"\n{MARK}")
    for line in header.splitlines() if mark else ():
        if not _HEADER.fullmatch(line):
            raise UnfitScript(f'"{line.strip()[:60]}" is not read; the header holds %dw 2.0 and output alone')
    plain = (body if mark else text).strip()
    before = len(text) - len((body if mark else text).lstrip())
    if not mark and plain.startswith("%dw"):
        raise UnfitScript(f"write {MARK} behind the header, in a line of its own")
    added = "" if plain.startswith(OPEN) else OPEN
    try:
        return Expression.read(f"{added}{plain}{CLOSE}" if added else plain, SCRIPT)
    except ExpressionError as error:
        # Where it is in what the user wrote.
        at = max(0, min(len(text), before + error.offset - len(added)))
        raise ExpressionError(error.reason, text, at) from None


def reads_payload(node: Node) -> bool:
    return any(isinstance(part, Variable) and part.name == "payload" for part in parts(node))


def passes(node: Node) -> bool | None:
    """Whether it surely lets every request pass, or none; None where that depends on the request."""
    match node:
        case Object(keys, values) if "success" in keys:
            return truth(values[keys.index("success")])
        case Conditional(condition, then, otherwise):
            if (chosen := truth(condition)) is not None:
                return passes(then if chosen else otherwise)
            return passes(then) if passes(then) == passes(otherwise) else None
    return None


def check(node: Node) -> None:
    """What an object at the end of each way lacks, or has too much. Raises UnfitScript."""
    if not isinstance(node, Object):
        return
    if "success" not in node.keys:
        raise UnfitScript(
            "the object has no success; write {success: true, …} or {success: false, response: {…}}"
        )
    if unknown := [one for one in node.keys if one not in ("success", "response")]:
        raise UnfitScript(f'"{unknown[0]}" means nothing; the object has success and response')
    response = dict(zip(node.keys, node.values, strict=True)).get("response")
    known = ("statusCode", "body", "headers")
    if isinstance(response, Object) and (unknown := [one for one in response.keys if one not in known]):
        raise UnfitScript(f'"{unknown[0]}" means nothing; response has statusCode, body and headers')
