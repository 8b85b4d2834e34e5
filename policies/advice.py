"""What is sound in a policy's configuration and probably not meant, by field."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from policies.expression.parser import CLOSE, OPEN
from policies.fields.expressions import Expression
from policies.policy import Advice, Policy, PolicyConfig

_MEMBER = re.compile(r"\[?\s*(attributes|authentication|vars)\s*[.\[]")


def advice(policy: Policy[Any], config: PolicyConfig) -> list[Advice]:
    """Of what every policy has in common, and of this one's own."""
    return [*_of(config, ()), *policy.advice(config)]


def _of(value: Any, path: tuple[str, ...]) -> Iterator[Advice]:
    if isinstance(value, Expression):
        if message := _looks_like_one(value.text):
            yield Advice(".".join(path), message)
    elif isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            yield from _of(getattr(value, name), (*path, info.alias or name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _of(item, (*path, str(index)))


def _looks_like_one(text: str) -> str:
    """What is wrong with a text that means itself and seems to be meant otherwise; "" where it does not."""
    text = text.strip()
    if text.startswith(OPEN):
        return ""
    if OPEN in text:
        before, _, rest = text.partition(OPEN)
        inner = rest.rpartition(CLOSE)[0] or rest
        return f"is taken as it is, {OPEN} and all; write {OPEN}'{before}' ++ {inner}{CLOSE}"
    if _MEMBER.match(text):
        return f"is a text; write {OPEN}{text[1:-1] if text[0] == '[' else text}{CLOSE}"
    return ""
