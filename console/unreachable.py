"""Why somebody else's server could not be asked, in words for people."""

import re

_NUMBER = re.compile(r"\[Errno -?\d+\] ")


def reason(error: Exception) -> str:
    """Without the number that the machine's system gives."""
    return _NUMBER.sub("", str(error)) or type(error).__name__
