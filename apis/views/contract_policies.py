"""Which of an API's policies ask for contracts: without one, contracts grant nothing and keep nobody out."""

import json
import re
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from apis.automated import holding
from apis.automated.models import AutomatedPolicy
from apis.contracts.models import Contract
from apis.lint.subject import running
from apis.models import ApiInstance, PolicyBinding
from apis.rules import policy_place
from console.forms.schema import PREFIX, named, of_model
from policies import catalog
from policies.policy import Policy, PolicyConfig

_HEADER = re.compile(r"""#?\[?\s*attributes\.headers\[['"]([A-Za-z0-9_-]+)['"]\]\s*\]?""")


@dataclass(frozen=True)
class CredentialPlaces:
    """Where callers send their credentials: "" for a place that is no header."""

    is_basic: bool = False
    id_header: str = ""
    secret_header: str = ""
    needs_secret: bool = True


@dataclass(frozen=True)
class ContractPolicies:
    """Titles of the policies that look callers up in contracts, and of those that hold them to their tier's
    limits. `observing` only tell what they would refuse.
    """

    policies: tuple[str, ...] = ()
    limiting: tuple[str, ...] = ()
    observing: tuple[str, ...] = ()
    how: CredentialPlaces | None = None
    """As the first of them looks for them; None where nothing does."""

    @property
    def offered(self) -> Policy[Any]:
        """To be added where none asks."""
        return catalog.offered_for("contracts")

    @property
    def offered_for_tiers(self) -> Policy[Any]:
        """To be added where none holds to tiers."""
        return catalog.offered_for("tiers")

    @property
    def only_observes(self) -> bool:
        return bool(self.observing) and not self.policies


def contract_policies(api: ApiInstance) -> ContractPolicies:
    """Of what is saved: the API's own and the automated policies that run for it."""
    policies: list[str] = []
    limiting: list[str] = []
    observing: list[str] = []
    how: CredentialPlaces | None = None
    for one in running(api, [one.name for one in catalog.policies() if may_ask(one)]):
        asks = one.policy.asks_contracts(one.config)
        if asks is None:
            continue
        how = how or _how(one.config, needs_secret=asks.secret)
        if not one.is_enforced:
            observing.append(one.policy.title)
            continue
        policies.append(one.policy.title)
        if asks.limits:
            limiting.append(one.policy.title)
    return ContractPolicies(tuple(policies), tuple(limiting), tuple(observing), how)


def up_to_limits(api: ApiInstance) -> set[str]:
    """Names of the policies that requests meet up to the one that holds callers to their tiers, and its own:
    what one of these refused uses nothing of a tier's limit. Where several do, the first counts.
    """
    own = [one for one in api.policies.inbound() if not one.is_disabled]
    automated = holding.running(holding.of_api(api), {one.policy for one in own})
    rest = holding.resting(automated)
    met: list[AutomatedPolicy | PolicyBinding] = [*automated, *(one for one in own if one.policy not in rest)]
    names = [one.policy for one in sorted(met, key=lambda one: not policy_place.is_first(one))]
    limiters = {one.name for one in catalog.policies() if one.holds_to_tiers}
    at = next((at for at, name in enumerate(names) if name in limiters), 0)
    # One that stands on both sides is counted as if behind: nobody is told of more than is left.
    return limiters | set(names[:at]) - set(names[at:])


def may_ask(policy: Policy[Any]) -> bool:
    """Whether there is a configuration of it that looks callers up in contracts."""
    usual: Any = Policy.__dataclass_fields__["asks_contracts"].default
    return policy.asks_contracts is not usual


@dataclass(frozen=True)
class Granted:
    """How many contracts an API has, for the page of a policy that asks for them. `when` is the control that
    decides whether it does and the value with which it does; None where it always does.
    """

    approved: int
    waiting: int
    when: tuple[str, str] | None


def granted(api: ApiInstance, policy: Policy[Any]) -> Granted | None:
    """None for a policy that never asks."""
    if not may_ask(policy):
        return None
    counts = dict(api.contracts.order_by().values_list("status").annotate(Count("pk")))
    approved, waiting = (counts.get(one, 0) for one in (Contract.Status.APPROVED, Contract.Status.PENDING))
    fields = of_model(policy.config)["properties"]
    said = ((name, one["asksContracts"]) for name, one in fields.items() if "asksContracts" in one)
    when = next(((named(PREFIX, name), json.dumps(value).strip('"')) for name, value in said), None)
    return Granted(approved, waiting, when)


def _how(config: PolicyConfig, *, needs_secret: bool) -> CredentialPlaces:
    if getattr(config, "is_basic", False):
        return CredentialPlaces(is_basic=True)
    if getattr(config, "key_origin", "") == "header":
        return CredentialPlaces(id_header=str(getattr(config, "header_name", "")), needs_secret=False)
    id_header = _header(getattr(config, "client_id_expression", None))
    secret_header = _header(getattr(config, "client_secret_expression", None)) if needs_secret else ""
    return CredentialPlaces(id_header=id_header, secret_header=secret_header, needs_secret=needs_secret)


def _header(expression: object) -> str:
    found = _HEADER.fullmatch(str(getattr(expression, "text", "")).strip())
    return found[1] if found else ""
