"""What each program gets of our own environment: a secret only where there is a use for it."""

import os
from collections.abc import Mapping

from console.stack import given

FIRST_START = ("GATEWRIGHT_ADMIN_USERNAME", given.PASSWORD)
"""We make the administrator ourselves; no program that we start does."""
CONSOLES_OWN = (*FIRST_START, "GATEWRIGHT_SECRET_KEY", "GATEWRIGHT_ENCRYPTION_KEYS")
EVERYBODYS = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
        *("LD_LIBRARY_PATH", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
    }
)
PREFIXES = ("GATEWRIGHT_", "FLEX_", "LC_", "PYTHON", "MALLOC_")


def of_console(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """For programs that load the console's settings: the databases' addresses and the keys too."""
    return {name: value for name, value in environ.items() if name not in FIRST_START}


def of_others(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """For programs that need none of the console's secrets."""
    return {
        name: value
        for name, value in environ.items()
        if name not in CONSOLES_OWN and (name in EVERYBODYS or name.startswith(PREFIXES))
    }
