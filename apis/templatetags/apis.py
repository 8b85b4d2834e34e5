"""Template tags with which pages below API Manager show what API Manager knows."""

from typing import Any

from django import template
from django.db.models import Count
from django.template import Context

from apis.models import PolicyBinding
from console.listing import listing
from policies.policy import Policy

register = template.Library()


@register.simple_tag(takes_context=True)
def policy_use_counts(context: Context) -> dict[str, int]:
    """How many APIs of the environment the user works in have each policy, by its name."""
    found = PolicyBinding.objects.filter(api__environment=context["scope"].environment).order_by()
    counted = found.values_list("policy").annotate(apis=Count("api", distinct=True))
    return dict(counted)


@register.inclusion_tag("apis/_policy_uses.html", takes_context=True)
def policy_uses(context: Context, policy: Policy[Any]) -> dict[str, Any]:
    """The APIs of the environment the user works in to which the policy is applied."""
    environment, request = context["scope"].environment, context["request"]
    found = PolicyBinding.objects.filter(policy=policy.name, api__environment=environment)
    found = found.select_related("api__asset", "api__gateway").order_by("api__asset__name", "order", "pk")
    return {"listing": listing(request, "uses", "use", found), "request": request}
