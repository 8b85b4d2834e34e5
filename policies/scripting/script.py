"""Puts a policy's Lua file, its settings and what it needs into one Envoy filter."""

from pathlib import Path

from policies.expression import lua
from policies.policy import TYPE_URL, Filter, Scope

GUARD = Path(__file__).with_name("guard.lua").read_text()


def lua_filter(scope: Scope, policy: str, files: list[Path], settings: dict[str, lua.Value]) -> Filter:
    """A Lua filter in which `files` follow each other and see the table `settings`.

    The last file defines `envoy_on_request` or `envoy_on_response`, made by `guarded(decide)`.
    """
    body = [f"local settings = {lua.literal(settings)}", *(file.read_text() for file in files)]
    runtime = [lua.RUNTIME] if any("dw." in part for part in body) else []
    parts = [f"local policy_name = {lua.literal(policy)}", GUARD, *runtime, *body]
    return Filter(
        name=scope.binding,
        typed_config={
            "@type": TYPE_URL + "envoy.extensions.filters.http.lua.v3.Lua",
            "default_source_code": {"inline_string": "\n".join(parts)},
        },
    )
