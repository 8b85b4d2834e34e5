"""An API's policies as the lane shows them: in the order in which a request meets them."""

from dataclasses import dataclass
from typing import Any

from apis import policy_advice
from apis.models import ApiInstance, PolicyBinding
from policies import catalog
from policies.policy import Policy
from policies.summary import summary


@dataclass(frozen=True)
class Step:
    """`policy` is None when the catalog no longer has it; such a one can only be removed."""

    binding: PolicyBinding
    policy: Policy[Any] | None
    summary: str
    warnings: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        return self.policy.title if self.policy else self.binding.policy

    @property
    def icon(self) -> str:
        return self.policy.icon if self.policy else "circle-question-mark"

    @property
    def conditions(self) -> list[str]:
        """Which requests it is for, in words; empty for all of them."""
        return [
            f"{one.get('methodRegex') or 'any method'} {one.get('uriTemplateRegex') or 'any path'}"
            for one in self.binding.conditions
        ]


def lane(api: ApiInstance) -> list[Step]:
    return [step_of(binding) for binding in api.policies.all()]


def step_of(binding: PolicyBinding) -> Step:
    try:
        policy = catalog.find(binding.policy)
    except catalog.UnknownPolicy:
        return Step(binding, None, "No longer in the catalog")
    said = tuple(policy_advice.sentences(binding.api, binding))
    return Step(binding, policy, summary(policy.config.model_json_schema(), binding.config), said)
