"""Puts a policy's Lua files, its settings and what it needs into one script."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from policies.compiled import BUFFER_BYTES, SETTINGS, Scope, Script
from policies.expression import lua

GUARD = Path(__file__).with_name("guard.lua").read_text()
SHA256 = Path(__file__).with_name("sha256.lua")
"""A file for `script`: the functions sha256, sha256_words, sha256_bytes, sha256_after and is_same."""
HMAC = Path(__file__).with_name("hmac.lua")
"""The same, after SHA256: hmac_key, hmac_sha256."""
BASE64 = Path(__file__).with_name("base64.lua")
"""The same: unbase64."""
BODY = Path(__file__).with_name("body.lua")
"""The same: media_type, is_tunnel, body_text, utf8_text, body_as_sent, refused_body."""
UNSAID = Path(__file__).with_name("unsaid.lua")
"""The same: take_off and take_off_others, by which a header that the gateway vouches for is nobody else's."""
UTF8 = Path(__file__).with_name("utf8.lua")
"""The same: is_utf8, other_charset, is_read_as_utf8."""
JSON = Path(__file__).with_name("json.lua")
"""The same: json_value, NULL, is_array, is_object, canonical."""
XML = Path(__file__).with_name("xml.lua")
"""The same: after_name, after_value and others, which read the parts of a document of XML."""
_BEFORE = {BODY: (Path(__file__).with_name("inflate.lua"), UTF8), JSON: (UTF8,), XML: (UTF8,)}
"""What a file needs, once for all."""


def script(
    scope: Scope,
    policy: str,
    files: Iterable[Path],
    settings: Mapping[str, lua.Value],
    *,
    evaluates: bool = False,
    sees_response: bool = False,
    gives: str = "",
) -> Script:
    """A script in which `files` follow each other and see the table `settings`.

    The last file defines `envoy_on_request`, made by `guarded(decide)`; with `sees_response` there is
    `envoy_on_response` too, or instead. With `evaluates` the files may call the functions of expressions.
    """
    files = tuple(files)
    return Script(
        name=scope.binding,
        frame=_frame(policy, files, evaluates),
        settings=f"{_mode(scope, reads_body=BODY in files)}local settings = {lua.literal(settings)}",
        sees_response=sees_response,
        needs=_needed(settings),
        gives=gives,
    )


def _mode(scope: Scope, *, reads_body: bool) -> str:
    observed = f"mode.observed_as = {lua.literal(scope.observed_as)} " if scope.observed_as else ""
    is_usual = not reads_body or scope.buffer_bytes == BUFFER_BYTES
    return observed if is_usual else f"{observed}mode.most_bytes = {scope.buffer_bytes} "


@cache
def _frame(policy: str, files: tuple[Path, ...], evaluates: bool) -> str:
    runtime = [lua.RUNTIME] if evaluates else []
    parts = [f"local policy_name = {lua.literal(policy)}", GUARD, *runtime, SETTINGS]
    needed = dict.fromkeys(one for file in files for one in (*_BEFORE.get(file, ()), file))
    return "\n".join([*parts, *(file.read_text() for file in needed)])


def _needed(value: lua.Value) -> frozenset[str]:
    """The variables that the expressions among the settings read."""
    match value:
        case lua.Source(needs=needs):
            return needs
        case str() | bytes():
            return frozenset()
        case Mapping():
            return frozenset().union(*map(_needed, value.values()))
        case Sequence():
            return frozenset().union(*map(_needed, value))
    return frozenset()
