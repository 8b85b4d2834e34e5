"""Rate Limiting: SLA based: each client's requests are counted under the limits of its contract's tier."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from policies.compiled import Compiled, Scope
from policies.contracts import credentials
from policies.counting import shared_memory
from policies.counting.exchange import CountExchange
from policies.fields.expressions import RequestExpression
from policies.policy import Category, Phase, Policy, PolicyConfig, fault
from policies.scripting.script import script
from policies.traits import Advice, AsksContracts, Explained

NAME = "rate-limiting-sla-based"


class Config(PolicyConfig):
    client_id_expression: Annotated[RequestExpression, Field(validate_default=True)] = Field(
        "#[attributes.headers['client_id']]",  # type: ignore[assignment]  # read as what users write
        title="Client id",
        description="Where the client id is; behind a policy that knows it, #[authentication.clientId].",
    )
    client_secret_expression: Annotated[RequestExpression, Field(validate_default=True)] = Field(
        "",  # type: ignore[assignment]
        title="Client secret",
        description="Where the secret is, such as #[attributes.headers['client_secret']]. Empty: no secret is"
        " asked for, and the client id alone is enough.",
    )
    expose_headers: bool = Field(
        False,
        title="Tell callers their quota",
        description="Adds X-Ratelimit-Limit, X-Ratelimit-Remaining and X-Ratelimit-Reset (in ms) to answers.",
    )
    clusterizable: bool = Field(
        True,
        title="Share between replicas",
        description="Replicas count together where the gateway has shared storage: what they let pass above"
        " the limit is what is asked for in some 20 ms. Each counts for itself otherwise.",
    )

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if not credentials.is_said(self.client_id_expression):
            raise fault("clientIdExpression", "write where the client id is")
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    asked = credentials.settings(scope, config.client_id_expression, config.client_secret_expression)
    counting = {
        **shared_memory.settings(scope, clusterizable=config.clusterizable),
        "expose_headers": config.expose_headers,
    }
    settings = {**asked, **counting, "block_on_unknown_quota": True}
    own = shared_memory.files(Path(__file__).with_name("policy.lua"), scope, exposes=config.expose_headers)
    files = [*credentials.FILES, *(one for one in own if one not in credentials.FILES)]
    exposes = config.expose_headers
    limit = script(scope, NAME, files, settings, evaluates=True, sees_response=exposes)
    tell = script(scope, NAME, credentials.TELLING, asked, evaluates=True, gives="authentication")
    return Compiled((limit, tell))


def advice(config: Config) -> Iterator[Advice]:
    return credentials.advice(config.client_id_expression, config.client_secret_expression)


def asks(config: Config) -> AsksContracts:
    return AsksContracts(secret=credentials.is_said(config.client_secret_expression), limits=True)


POLICY = Policy(
    name=NAME,
    title="Rate Limiting: SLA based",
    category=Category.QUALITY_OF_SERVICE,
    phase=Phase.LIMIT,
    summary="Lets each application send as many requests as the tier of its contract says.",
    version="1.3.1",
    config=Config,
    compile=compile,
    knows_callers_by="credential",
    gives=frozenset(("authentication",)),
    asks_contracts=asks,
    holds_to_tiers=True,
    offered_for="tiers",
    explained={
        **credentials.EXPLAINED,
        (401, "tier"): Explained("The contract has no tier", "Ask the API's owners for one."),
        401: Explained(
            "The credentials were not accepted, or the contract has no tier",
            "Send the client id and its newest secret; see whether the contract is approved.",
        ),
        429: Explained(
            "More requests than your tier allows",
            "Wait for the time in the answer's Retry-After header, or ask for a higher tier.",
        ),
    },
    advice=advice,
    aliases=("rate-limiting-sla-based-flex",),
    prepare=shared_memory.prepare,
    shares=CountExchange,
    refuses=True,
    icon="gauge",
    acts_on_responses=lambda config: config.expose_headers,
)
