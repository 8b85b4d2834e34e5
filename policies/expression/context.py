"""Which variables and functions an expression may use, and when."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Context:
    """The moment at which an expression is evaluated. `attributes` are the members it has then.

    A script may read `payload`, and its value may hold objects.
    """

    name: str
    attributes: frozenset[str]
    is_script: bool = False


REQUEST = Context(
    "request",
    frozenset(
        (
            "headers",
            "method",
            "queryParams",
            "queryString",
            "requestPath",
            "requestUri",
            "localAddress",
            "remoteAddress",
            "scheme",
            "version",
        )
    ),
)
SCRIPT = Context("request", REQUEST.attributes, is_script=True)
RESPONSE = Context("response", frozenset(("headers", "statusCode")))

AUTHENTICATION = frozenset(("clientId", "clientName", "principal", "properties"))
"""Members of `authentication`, set by the policy that authenticated the caller."""

KEYED = frozenset(("attributes.headers", "attributes.queryParams"))
"""Variables that can only be read by key."""

FUNCTIONS = {
    "contains": 2,
    "lower": 1,
    "sizeOf": 1,
    "splitBy": 2,
    "substringAfter": 2,
    "substringAfterLast": 2,
    "substringBefore": 2,
    "substringBeforeLast": 2,
    "trim": 1,
    "upper": 1,
    "uuid": 0,
}
"""Name to number of arguments. A function of two may also stand between them: `a contains b`."""
