"""Where a policy stands among an API's others, and what its place keeps it from."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from policies.expression import nodes
from policies.fields.expressions import Expression
from policies.policy import Phase, Policy, PolicyConfig

_HOLDERS = Expression, BaseModel, list, tuple
Use = tuple[Policy[Any], PolicyConfig]


def place(phases: Sequence[Phase], phase: Phase) -> int:
    """Behind how many of these a policy of the phase stands if nobody says: after all that go before it."""
    earlier = [number for number, one in enumerate(phases, 1) if one <= phase]
    return max(earlier, default=0)


def misplaced(uses: Sequence[Use]) -> Iterator[tuple[int, str]]:
    """(position, message) of each policy that its place keeps from what it is for."""
    yield from unserved(uses)
    yield from skipped(uses)


def skipped(uses: Sequence[Use]) -> Iterator[tuple[int, str]]:
    """(position, message) of each policy that checks something behind one that may answer before."""
    cache = ""
    for position, (policy, _) in enumerate(uses):
        if cache and Phase.CORS < policy.phase < Phase.CACHE:
            yield position, f"is skipped where {cache} before it has an answer; move it before that"
        if policy.phase is Phase.CACHE:
            cache = policy.title


def unserved(uses: Sequence[Use]) -> Iterator[tuple[int, str]]:
    """(position, message) of each policy that reads what only a policy after it, or none, gives a value."""
    for position, (policy, config) in enumerate(uses):
        before = frozenset[str]().union(*(one.gives for one, _ in uses[:position]))
        for word in sorted(needed(config) - before - policy.own_variables):
            later = next((one for one, _ in uses[position + 1 :] if word in one.gives), None)
            remedy = f"move it behind {later.title}" if later else "apply a policy that does, before this one"
            yield position, f"reads {word}, to which no policy before it gives a value; {remedy}"


def needed(value: Any) -> frozenset[str]:
    """The variables, of those that other policies give values to, that expressions over the request read.

    On the way back all policies have been passed.
    """
    if isinstance(value, Expression):
        return nodes.needed(value.node) if value.is_of_request else frozenset()
    if isinstance(value, BaseModel):
        held = (getattr(value, name) for name in type(value).model_fields)
        return frozenset[str]().union(*(needed(one) for one in held if isinstance(one, _HOLDERS)))
    if isinstance(value, list | tuple):
        return frozenset[str]().union(*map(needed, value))
    return frozenset()
