"""Refuses the requests that a predicate of Envoy's matchers holds for, or only tells of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policies.compiled import TYPE_URL, Filter, Scope
from policies.expression.lua import Source
from policies.scripting.script import script

_RBAC = TYPE_URL + "envoy.extensions.filters.http.rbac.v3.RBAC"


def refusing(scope: Scope, policy: str, reason: str, only_if: Mapping[str, Any] | None = None) -> Filter:
    """Refuse with 403 what meets the predicate; without one, everything.

    `reason` is a Lua expression over `handle`: what a policy that observes notes.

    Enforced, the refusal's details are those of `details`.
    """
    if scope.observed_as:
        files = [Path(__file__).with_name("refusal.lua")]
        made = script(scope, policy, files, {"reason": Source(f"function(handle) return {reason} end")})
        return Filter(scope.binding, made.typed_config, only_if=only_if, acts_always=bool(only_if))
    everybody = {"permissions": [{"any": True}], "principals": [{"any": True}]}
    rules = {"action": "DENY", "policies": {policy: everybody}}
    config = {"@type": _RBAC, "rules": rules}
    return Filter(scope.binding, config, only_if=only_if, acts_always=bool(only_if), refuses=bool(only_if))


def details(policy: str) -> str:
    """The regular expression over Envoy's response code details."""
    return rf"^rbac_access_denied_matched_policy\[{policy}\]$"
