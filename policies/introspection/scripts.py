"""The scripts of a policy that has tokens introspected."""

from collections.abc import Sequence
from pathlib import Path

from policies.answers import question
from policies.compiled import Compiled, Scope
from policies.contracts import memory
from policies.expression import lua
from policies.introspection.fields import TokenConfig, split
from policies.scripting.script import SHA256, script

CLIENT = Path(__file__).with_name("client.lua")
CONTRACT = [SHA256, memory.LUA, Path(__file__).with_name("contract.lua")]
DECIDE, TELL = (Path(__file__).with_name(name) for name in ("decide.lua", "tell.lua"))


def compiled(
    config: TokenConfig,
    scope: Scope,
    policy: str,
    asked: question.Question,
    *,
    consumer: Sequence[str],
    principal: Sequence[str],
) -> Compiled:
    """`consumer` and `principal` name fields of the provider's answer, the best first."""
    settings: dict[str, lua.Value] = {
        "ask": asked.settings,
        "realm": scope.realm,
        "scopes": split(config.scopes),
        "any": config.scope_validation_criteria == "OR",
        "expose_headers": config.expose_headers,
        "consumer": consumer,
        "contracts": None if config.skip_client_id_validation else memory.settings(scope.state, scope.api),
    }
    told: dict[str, lua.Value] = {one: settings[one] for one in ("ask", "consumer", "contracts")}
    told["principal"] = principal
    files = [question.LUA, CLIENT, *(CONTRACT if settings["contracts"] else [])]
    filters = (
        script(scope, policy, [*files, DECIDE], settings),
        script(scope, policy, [*files, question.TELL, TELL], told, gives="authentication"),
    )
    return Compiled(filters, clusters=(asked.cluster,), secrets=(asked.secret,))
