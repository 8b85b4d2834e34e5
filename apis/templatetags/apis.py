"""Template tags with which pages below API Manager show what API Manager knows."""

from typing import Any

from django import template
from django.template import Context

from apis.models import PolicyBinding
from policies.contract import Policy

register = template.Library()


@register.inclusion_tag("apis/_policy_uses.html", takes_context=True)
def policy_uses(context: Context, policy: Policy[Any]) -> dict[str, Any]:
    """The APIs of the environment the user works in to which the policy is applied."""
    environment = context["scope"].environment
    bindings = PolicyBinding.objects.filter(policy=policy.name, api__environment=environment)
    return {
        "bindings": bindings.select_related("api__asset", "api__gateway").order_by(
            "api__asset__name", "order"
        )
    }
