"""What an API and its parts are called in a file: the same for the same API, wherever it is exported."""

import re


def base_of(asset_id: str, label: str) -> str:
    word = re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:60]
    return f"{asset_id}-{word}" if word else asset_id


def upstream_key(base: str, at: int) -> str:
    return f"{base}-upstream-{at}"


def policy_key(base: str, policy: str, at: int) -> str:
    return f"{base}-{policy}-{at}"


def route_key(base: str, at: int) -> str:
    return f"{base}-route-{at}"
