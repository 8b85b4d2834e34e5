"""Where a request tells its client's id and secret: settings of client.lua, and what users are warned of."""

from collections.abc import Iterator

from policies.compiled import Scope
from policies.contracts import memory
from policies.expression.lua import Value
from policies.expression.nodes import varies
from policies.fields.expressions import Expression, written
from policies.scripting.script import BASE64, SHA256
from policies.traits import Advice, Explained

FILES = (SHA256, memory.LUA, BASE64, memory.CLIENT_LUA)
"""For `script`: they define `client_of`."""
TELLING = (*FILES, memory.TELL_LUA)
"""A script that gives `authentication`."""
EXPLAINED: dict[int | tuple[int, str], Explained] = {
    (401, "client"): Explained(
        "No contract with this API has the client id that came",
        "See on the contract's page whether it is approved and has not ended, and compare the client id.",
    ),
    (401, "secret"): Explained(
        "The secret was missing, or is not the application's",
        "Send the newest secret; after a reset the old one ends at the time you chose.",
    ),
}
"""By the checks of client.lua; a caller hears neither."""


def settings(
    scope: Scope, client_id: Expression | None, client_secret: Expression | None
) -> dict[str, Value]:
    """What FILES need. No expression for the id: both are in the header Authorization, as Basic."""
    return {
        "contracts": memory.settings(scope.state, scope.api),
        "basic": client_id is None,
        "client_id": client_id.lua if client_id else None,
        "client_secret": client_secret.lua if client_secret and is_said(client_secret) else None,
    }


def is_said(expression: Expression) -> bool:
    return bool(expression.text.strip())


def advice(client_id: Expression, client_secret: Expression) -> Iterator[Advice]:
    if (text := client_id.constant) is not None:
        message = f"is one text for all requests; an expression is written {written(text)}"
        yield Advice("clientIdExpression", message)
    elif not varies(client_id.node):
        yield Advice("clientIdExpression", f"is one text for all requests; write {written('')}")
    if is_said(client_secret) and not varies(client_secret.node):
        yield Advice("clientSecretExpression", "is one text for all requests, and no secret of theirs")
    elif is_said(client_secret) and client_secret.node == client_id.node:
        yield Advice("clientSecretExpression", "is where the client id is: nobody's secret is his id")
