"""Content models against regular expressions that say the same."""

import random
import re

import pytest

from policies.catalog.soap_validation.content import Choice, Effort, Leaf, Many, Particle, Sequence, model
from policies.catalog.soap_validation.document import Wrong

NUMBERS = {"a": 1, "b": 2, "c": 3}


def drawn(draw: random.Random, depth: int) -> tuple[Particle, str]:
    """A particle, and the regular expression of it."""
    kind = draw.choice(["leaf"] if depth == 0 else ["leaf", "sequence", "choice", "many", "many"])
    if kind == "leaf":
        name = draw.choice("abc")
        return Leaf({name: NUMBERS[name]}), name
    if kind == "many":
        of, text = drawn(draw, depth - 1)
        least = draw.choice([0, 0, 1, 2, 9])
        most = draw.choice([None, least or 1, least + 1, least + 12])
        return Many(of, least, most), f"(?:{text}){{{least},{'' if most is None else most}}}"
    parts = [drawn(draw, depth - 1) for _ in range(draw.randint(1, 3))]
    particles = tuple(particle for particle, _ in parts)
    texts = [text for _, text in parts]
    if kind == "sequence":
        return Sequence(particles), "".join(f"(?:{text})" for text in texts)
    return Choice(particles), f"(?:{'|'.join(texts)})"


def fits(made: dict, names: str) -> bool:
    """As validate.lua does it."""
    at, count = 1, 0
    for name in names:
        state = made["states"][at - 1]
        steps = dict(zip(state.get("next", ())[::2], state.get("next", ())[1::2], strict=True))
        target = steps.get(made["names"].get(name, [0])[0])
        if target is None:
            return False
        if target == at and "most" in state:
            count += 1
            if 0 <= state["most"] < count:
                return False
        elif count < state.get("least", 0):
            return False
        else:
            at, count = target, 1
    state = made["states"][at - 1]
    return state.get("end", False) and count >= state.get("least", 0)


@pytest.mark.parametrize("seed", [0, 1, 2, 3, pytest.param(4, marks=pytest.mark.long), 5])
def test_models_decide_as_expressions_do(seed: int) -> None:
    draw, judged, unfit = random.Random(seed), 0, 0
    while judged < 60:
        particle, text = drawn(draw, 3)
        try:
            made = model(particle, [], Effort())
        except Wrong:
            unfit += 1
            continue
        judged += 1
        pattern = re.compile(text)
        for _ in range(60):
            letters = draw.choice(["a", "b", "ab", "abc"])
            names = "".join(draw.choices(letters, k=draw.choice([0, 1, 2, 3, 5, 9, 10, 14, 22])))
            assert fits(made, names) == bool(pattern.fullmatch(names)), (text, names)

    assert unfit < 200
