"""What Header Injection takes; what it does with requests is in its cases."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.policies.envoy import compiled


def test_a_value_that_envoy_would_not_take_is_named(tmp_path: Path) -> None:
    given = {"inboundHeaders": [{"key": "x-long", "value": "é" * 8193}]}

    with pytest.raises(ValidationError, match="at most 16384 bytes, this one 16386"):
        compiled("header-injection", given, tmp_path)
