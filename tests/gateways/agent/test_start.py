"""What a start of the agent does not do before it must."""

import subprocess
import sys

BUILT = """
import gateways.agent.connected
from policies import catalog
print(*(one.name for one in catalog.policies() if one.config.__pydantic_complete__))
"""


def test_no_policys_model_is_built_before_a_policy_is_read() -> None:
    """All of them are a quarter of what the imports take."""
    built = subprocess.run([sys.executable, "-c", BUILT], capture_output=True, text=True, check=True)

    assert built.stdout.split() == []
