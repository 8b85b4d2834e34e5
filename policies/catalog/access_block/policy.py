"""Access Block: nobody may call the API."""

from policies.compiled import Compiled, Scope
from policies.envoy.refusal import details, refusing
from policies.policy import Category, Phase, Policy, PolicyConfig
from policies.traits import Refusal

NAME = "access-block"


class Config(PolicyConfig):
    """Nothing is to be set."""


def compile(config: Config, scope: Scope) -> Compiled:
    return Compiled((refusing(scope, NAME, '"blocked: nobody may call this"'),))


POLICY = Policy(
    name=NAME,
    title="Access Block",
    category=Category.SECURITY,
    phase=Phase.AUTHORIZE,
    summary="Refuses every request, or those that its conditions name.",
    version="1.0.0",
    config=Config,
    compile=compile,
    aliases=("access-block-flex",),
    refusals=(Refusal(details(NAME), "blocked: nobody may call this"),),
    refuses=True,
    icon="shield-off",
)
