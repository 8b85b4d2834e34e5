"""Whether a thing is still as a form or a client saw it: a word for its content, and the refusal."""

import json
from typing import Any

from django.utils.crypto import salted_hmac


class Changed(Exception):
    """The thing was changed since it was seen; nothing was saved."""


def version(content: Any) -> str:
    """A word for a content of JSON values. Keyed: it tells nobody a secret that is part of it."""
    text = json.dumps(content, sort_keys=True, default=str)
    return salted_hmac("console.versions", text, algorithm="sha256").hexdigest()[:32]


def check(seen: str, now: str) -> None:
    """Raises Changed. Who names no version asks for no check; of several, separated by commas, one must hold.
    Call it with the row locked.
    """
    if seen and now not in seen.split(","):
        raise Changed
