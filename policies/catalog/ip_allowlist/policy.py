"""IP Allowlist: only the listed addresses may call the API."""

from pydantic import Field

from policies.compiled import Compiled, Scope
from policies.fields.addresses import CALLER, Addresses, AddressExpression, address_filter, advice
from policies.policy import Category, Phase, Policy, PolicyConfig
from policies.traits import Refusal

NAME = "ip-allowlist"


class Config(PolicyConfig):
    ips: Addresses = Field(
        title="Allowed addresses",
        description="Single addresses, networks (192.0.2.0/24, 2001:db8::/32) or leading octets (192.168).",
    )
    ip_expression: AddressExpression = Field(CALLER, validate_default=True)


def compile(config: Config, scope: Scope) -> Compiled:
    return Compiled((address_filter(scope, NAME, config.ips, config.ip_expression, refuse_listed=False),))


POLICY = Policy(
    name=NAME,
    title="IP Allowlist",
    category=Category.SECURITY,
    phase=Phase.AUTHORIZE,
    summary="Lets only the listed IP addresses and networks call the API.",
    version="1.1.2",
    config=Config,
    compile=compile,
    knows_callers_by="address",
    advice=lambda config: advice(config.ips, "ipExpression", config.ip_expression),
    aliases=("ip-allowlist-flex",),
    refusals=(
        Refusal(rf"rbac_access_denied_matched_policy\[{NAME}\]", "address: {address} is not in the list"),
    ),
    refuses=True,
    icon="shield-check",
)
