"""Addresses of servers that a policy asks."""

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from policies.fields.hosts import is_host, port_of

MOST_CHARACTERS = 2000
_TEXT = re.compile(r"[!-~]+")


def split(url: str) -> SplitResult:
    """Raises PydanticCustomError for what is no http or https URL with a host."""
    if len(url) > MOST_CHARACTERS or not _TEXT.fullmatch(url):
        raise _error(
            url[:80],
            f"has at most {MOST_CHARACTERS} characters, none of them a blank or a letter with a mark",
        )
    try:
        found = urlsplit(url)
        port_of(found)
    except ValueError as error:
        raise _error(url, f"cannot be read: {error}") from None
    is_server = is_host(found.hostname or "") and "%" not in (found.hostname or "")
    if found.scheme not in ("http", "https") or not is_server:
        raise _error(url, "is not the URL of a server; write https://host/path")
    if found.username is not None or found.fragment:
        raise _error(url, "holds a user or a #; take that out")
    return found


def port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _checked(url: str) -> str:
    split(url)
    return url


def _error(url: str, reason: str) -> PydanticCustomError:
    return PydanticCustomError("url", '"{url}" {reason}', {"url": url, "reason": reason})


Url = Annotated[str, AfterValidator(_checked)]
OptionalUrl = Annotated[str, AfterValidator(lambda url: _checked(url) if url else url)]
"""Or "" for none."""
