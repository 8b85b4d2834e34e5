"""Who uses the client provider of an environment: policies that name none of their own."""

from collections.abc import Iterator
from itertools import islice

from django.core.exceptions import ValidationError
from django.urls import reverse

from apis.automated.models import AutomatedPolicy
from apis.changes.secret_uses import Use
from apis.client_providers import filling
from apis.models import ApiInstance, ApiInstanceQuerySet, PolicyBinding
from console.models import Environment
from console.named import few

MOST_SHOWN = 100


def of(environment: Environment, most: int = MOST_SHOWN) -> list[Use]:
    """Some of those that use it."""
    return list(islice(_of(environment), most))


def bindings(environment: Environment) -> Iterator[PolicyBinding]:
    rows = PolicyBinding.objects.filter(policy__in=filling.names(), api__environment=environment)
    for one in rows.select_related("api__asset").order_by("pk").iterator(chunk_size=500):
        if filling.any_asks([(one.policy, one.config)]):
            yield one


def automated(environment: Environment) -> list[AutomatedPolicy]:
    rows = environment.automated_policies.filter(policy__in=filling.names())
    return [one for one in rows if filling.any_asks([(one.policy, one.config)])]


def running(environment: Environment) -> ApiInstanceQuerySet:
    """Deployed APIs whose revisions ask for it, whatever is saved of them."""
    deployed = ApiInstance.objects.filter(environment=environment).deployed()
    return deployed.filter(revision__refers_to__contains=[filling.MARK])


def refuse_while_used(environment: Environment) -> None:
    """Raises ValidationError by the field of who chooses."""
    if found := list(dict.fromkeys(use.of for use in of(environment, 8))):
        named = few(found)
        message = f"{named} ask for the client provider of {environment}: give them one of their own first."
        raise ValidationError({"provider": [ValidationError(message, code="conflict")]})


def _of(environment: Environment) -> Iterator[Use]:
    for policy in automated(environment):
        yield Use("for many APIs", f"automated policy {policy}", policy.get_absolute_url())
    saved = set()
    for binding in bindings(environment):
        saved.add(binding.api_id)
        address = reverse("api_policy", args=[binding.api_id, binding.pk])
        yield Use(f"by {binding.title}", str(binding.api), address)
    for api in running(environment).exclude(pk__in=saved).select_related("asset"):
        yield Use("in what is deployed, and no longer in what is saved", str(api), api.get_absolute_url())
