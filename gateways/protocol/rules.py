"""A rule of a route or a policy, in the form in which rules are compared."""

from dataclasses import dataclass

EVERY_PATH = (None, "", ".*", "/.*", "(.*)", "(/.*)")
"""Ways to write that any path matches; rules are compared as if they were one."""


@dataclass(frozen=True)
class Rule:
    """Every given expression, of which none is empty, must match in full (RE2).

    `path` is what follows the API's base path; None stands for any. It and `host` have no anchors.
    """

    path: str | None = None
    methods: str | None = None
    host: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
