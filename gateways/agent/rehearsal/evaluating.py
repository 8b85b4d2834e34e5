"""What an expression comes to for a request, told by the Envoy that evaluates it as a policy would.

One Envoy stands for all expressions: each lies in a file that a script reads when the request comes.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import orjson

from gateways.agent.rehearsal.marks import MarkingCompiler
from gateways.agent.rehearsal.rehearsal import Rehearsal
from gateways.agent.translate import ir
from gateways.agent.xds.policy_filters import PolicyFilters
from gateways.protocol.rehearsal import SHOWN_BODY_BYTES, Evaluate, Played, Request, Value
from gateways.protocol.resources import RESOURCE
from policies.compiled import SETTINGS, Compiled, Script
from policies.expression import lua
from policies.expression.context import REQUEST, RESPONSE
from policies.expression.parser import ExpressionError
from policies.fields.expressions import Expression

PORT = 8081
BACKEND = "backend:9000"
EXPRESSION, VALUE = "expression.lua", "value.json"
_API = RESOURCE.validate_python(
    {
        "apiVersion": "gatewright.dev/v1alpha1",
        "kind": "ApiInstance",
        "metadata": {"name": "any"},
        "spec": {
            "address": f"http://0.0.0.0:{PORT}/",
            "services": {"backend": {"address": f"http://{BACKEND}"}},
        },
    }
)
_SCRIPT = Script(
    name="evaluation",
    frame="\n".join([lua.RUNTIME, SETTINGS, Path(__file__).with_name("evaluation.lua").read_text()]),
    settings="",
    sees_response=True,
)


class _Compiler(MarkingCompiler):
    """An API with nothing on it but the script that evaluates."""

    def policy_filters(self, found: Sequence[tuple[ir.PolicyUse, Compiled]]) -> list[PolicyFilters]:
        return [*super().policy_filters(found), PolicyFilters((_SCRIPT,))]


class Evaluating:
    """A context manager; expressions are evaluated one after another."""

    def __init__(self) -> None:
        self._rehearsal = Rehearsal([_API], compiler=_Compiler)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Raises NotStarted."""
        self._open.enter_context(self._rehearsal)
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def value(self, asked: Evaluate, request: Request, answers: Sequence[Played] = ()) -> Value:
        context = REQUEST if asked.moment == "request" else RESPONSE
        try:
            expression = Expression.read(asked.expression, context)
        except ExpressionError as error:
            return Value(error=error.reason, line=error.line, column=error.column)
        folder = self._rehearsal.folder
        (folder / EXPRESSION).write_text(_asked(asked, expression))
        (folder / VALUE).unlink(missing_ok=True)
        # No expression sees how long an answer took, and others wait for theirs.
        at_once = [one.model_copy(update={"delay_ms": 0}) for one in answers]
        verdict = self._rehearsal.ask(request.model_copy(update={"port": PORT}), at_once)
        try:
            told = orjson.loads((folder / VALUE).read_bytes().decode(errors="replace"))
        except FileNotFoundError:
            return Value(error=f"it was not evaluated: {verdict.reason}")
        return _value(told)


def _asked(asked: Evaluate, expression: Expression) -> str:
    known = {"authentication": asked.authentication, "vars": asked.vars}
    told = {
        "moment": asked.moment,
        "known": {name: value for name, value in known.items() if value},
        "evaluate": expression.lua,
    }
    return f"local dw = ... return {lua.literal(told)}"


def _value(told: dict[str, Any]) -> Value:
    if "error" in told:
        return Value(error=f"it fails: {told['error']}")
    text = orjson.dumps(told["value"], option=orjson.OPT_INDENT_2).decode()
    return Value(kind=told["kind"], text=text[:SHOWN_BODY_BYTES], is_cut=len(text) > SHOWN_BODY_BYTES)
