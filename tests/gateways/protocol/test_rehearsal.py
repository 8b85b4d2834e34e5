"""What an expression is told of is bounded before anybody goes into it."""

import json

import pytest
from pydantic import ValidationError

from gateways.protocol.rehearsal import Evaluate


def test_what_is_known_is_bounded_in_depth_and_length() -> None:
    def nested(levels: int) -> dict[str, object]:
        made: dict[str, object] = json.loads('{"a":' * levels + "1" + "}" * levels)
        return made

    assert Evaluate(expression="", vars=nested(20)).vars == nested(20)
    for levels in (21, 900):
        with pytest.raises(ValidationError, match="deeper than 20 levels"):
            Evaluate(expression="", vars=nested(levels))
    with pytest.raises(ValidationError, match="longer than 16384"):
        Evaluate(expression="", authentication={"a": "b" * 16384})
