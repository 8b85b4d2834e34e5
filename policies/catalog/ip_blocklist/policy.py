"""IP Blocklist: the listed addresses may not call the API."""

from pydantic import Field

from policies.compiled import Compiled, Scope
from policies.fields.addresses import CALLER, Addresses, AddressExpression, address_filter, advice
from policies.policy import Category, Phase, Policy, PolicyConfig
from policies.traits import Refusal

NAME = "ip-blocklist"


class Config(PolicyConfig):
    ips: Addresses = Field(
        title="Blocked addresses",
        description="Single addresses, networks (192.0.2.0/24, 2001:db8::/32) or leading octets (192.168).",
    )
    ip_expression: AddressExpression = Field(CALLER, validate_default=True)


def compile(config: Config, scope: Scope) -> Compiled:
    return Compiled((address_filter(scope, NAME, config.ips, config.ip_expression, refuse_listed=True),))


POLICY = Policy(
    name=NAME,
    title="IP Blocklist",
    category=Category.SECURITY,
    phase=Phase.AUTHORIZE,
    summary="Keeps the listed IP addresses and networks from calling the API.",
    version="1.1.2",
    config=Config,
    compile=compile,
    advice=lambda config: advice(config.ips, "ipExpression", config.ip_expression),
    aliases=("ip-blocklist-flex",),
    refusals=(Refusal(rf"rbac_access_denied_matched_policy\[{NAME}\]", "address: {address} is in the list"),),
    refuses=True,
    icon="shield-ban",
)
