"""Has Apprise send a message, in a process of its own: it knows no secret of ours, and is always ended."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from console.notices.unsent import Unsent

PROJECT = Path(__file__).resolve().parents[2]
WALL_SECONDS = 30
CHECK_SECONDS = 10
ANSWER_BYTES = 10_000
KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "SSL_CERT_FILE")
"""The variables that it gets of our environment."""


@dataclass(frozen=True)
class CheckedUrl:
    """`service` is what Apprise calls it; `fault` says why the URL is none."""

    service: str
    fault: str


def check(url: str) -> CheckedUrl:
    """Whether Apprise knows what the URL names. Nothing is sent."""
    answer = _ask({"do": "check", "url": url}, CHECK_SECONDS)
    return CheckedUrl(answer.get("service", ""), "" if answer["ok"] else answer["answer"])


def send(url: str, subject: str, text: str) -> str:
    """What it said. Raises Unsent."""
    networks = [str(one) for one in settings.DESTINATION_NETWORKS]
    asked = {"do": "send", "url": url, "subject": subject, "text": text, "networks": networks}
    answer = _ask(asked, WALL_SECONDS)
    if not answer["ok"]:
        raise Unsent(answer["answer"], is_away=True)
    return str(answer["answer"])


def _ask(asked: dict[str, Any], seconds: float) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [sys.executable, "-B", "-m", "console.notices.apprise_child"],
            input=json.dumps(asked).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=PROJECT,
            env={name: os.environ[name] for name in KEPT if name in os.environ},
            timeout=seconds,
            check=False,
        )
        return dict(json.loads(done.stdout[:ANSWER_BYTES]))
    except subprocess.TimeoutExpired:
        return {"ok": False, "answer": f"there was no answer within {seconds:g} s"}
    except ValueError:
        return {"ok": False, "answer": "it ended without an answer"}
