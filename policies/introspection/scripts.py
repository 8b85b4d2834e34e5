"""The scripts of a policy that has tokens introspected."""

from collections.abc import Sequence
from pathlib import Path

from policies.answers import question
from policies.expression import lua
from policies.introspection.fields import TokenConfig, split
from policies.policy import Compiled, Scope
from policies.scripting.script import script

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
        "realm": scope.api.rpartition("/")[2],
        "scopes": split(config.scopes),
        "any": config.scope_validation_criteria == "OR",
        "expose_headers": config.expose_headers,
    }
    told: dict[str, lua.Value] = {"ask": asked.settings, "consumer": consumer, "principal": principal}
    filters = (
        script(scope, policy, [question.LUA, DECIDE], settings),
        script(scope, policy, [question.LUA, question.TELL, TELL], told, gives="authentication"),
    )
    return Compiled(filters, clusters=(asked.cluster,), secrets=(asked.secret,))
