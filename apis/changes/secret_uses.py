"""Who uses a secret: TLS contexts that refer to a store, policies that mention a shared secret."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.urls import reverse

from apis.automated.models import AutomatedPolicy
from apis.changes import bookkeeping
from apis.client_providers import filling
from apis.client_providers.models import Chosen
from apis.models import ApiInstance, PolicyBinding, TlsContext
from apis.revisions.facts import policies
from apis.rules import sent_secrets
from apis.secret_groups import references
from apis.secret_groups.models import Secret, SecretGroup
from console.models import Environment
from console.named import few
from gateways.protocol.mentions import START


@dataclass(frozen=True)
class Use:
    """`what` uses it, `of` an API or a TLS context; `address` is its page."""

    what: str
    of: str
    address: str


def of(secret: Secret, most: int = 100) -> list[Use]:
    """Some of those that use it."""
    return [one for one, _ in zip(_of(secret), range(most), strict=False)]


def counts(environment: Environment, secrets: Iterable[Any]) -> dict[UUID, int]:
    """How many use each of these, in as many queries however many there are."""
    secrets, found = list(secrets), Counter[str]()
    stores: Counter[UUID] = Counter()
    keys = [one.pk for one in secrets]
    contexts = TlsContext.objects.filter(Q(keystore__in=keys) | Q(truststore__in=keys)).order_by()
    for pair in contexts.values_list("keystore_id", "truststore_id"):
        stores.update(pk for pk in set(pair) if pk)
    stores.update(Chosen.objects.filter(truststore__in=keys).values_list("truststore_id", flat=True))
    if not any(one.is_shared for one in secrets):
        return {one.pk: stores[one.pk] for one in secrets}
    for config in bindings(environment).values_list("config", flat=True):
        found.update(references.keys(config))
    for config in environment.automated_policies.values_list("config", flat=True):
        found.update(references.keys(config))
    return {one.pk: found[one.reference] if one.is_shared else stores[one.pk] for one in secrets}


def bindings(environment: Environment) -> QuerySet[PolicyBinding]:
    """Policies of APIs that mention any shared secret: found by an index that has these alone."""
    rows = PolicyBinding.objects.annotate(text=Cast("config", TextField()))
    return rows.filter(text__contains=START, api__environment=environment).order_by("pk")


def automated(environment: Environment) -> list[AutomatedPolicy]:
    return [one for one in environment.automated_policies.all() if references.keys(one.config)]


def mentioning(secret: Secret) -> tuple[list[PolicyBinding], list[AutomatedPolicy]]:
    environment, name = secret.group.environment, secret.reference
    configs = bindings(environment).values_list("pk", "config")
    keys = [pk for pk, config in configs if name in references.keys(config)]
    rows = PolicyBinding.objects.filter(pk__in=keys).order_by("pk")
    named = list(rows.select_related("api__asset", "api__environment"))
    return named, [one for one in automated(environment) if name in references.keys(one.config)]


def running(secret: Secret) -> QuerySet[ApiInstance]:
    """Deployed APIs whose revisions mention it, whatever is saved of them."""
    deployed = ApiInstance.objects.filter(environment=secret.group.environment).deployed()
    return deployed.filter(revision__refers_to__contains=[secret.reference])


def refuse_while_used(secret: Secret) -> None:
    if found := list(dict.fromkeys(use.of for use in of(secret, 8))):
        kind = secret.get_kind_display()
        message = f"{kind} {secret} is used by {few(found)}; give them another one first."
        raise ValidationError({"": [ValidationError(message, code="conflict")]})


def refuse_while_named(secret: Secret, remedy: str) -> None:
    """Of what mentions it by its name."""
    if secret.is_shared and (found := list(dict.fromkeys(use.of for use in of(secret, 8)))):
        message = f"{few(found)} mention {secret.reference}: {remedy}."
        raise ValidationError({"name": [ValidationError(message, code="conflict")]})


def refuse_while_sent_elsewhere(group: SecretGroup) -> None:
    """Of what sends a shared secret of the group to a host that it does not name."""
    if found := list(dict.fromkeys(islice(_sent_elsewhere(group), 8))):
        message = f"{few(found)}: name that host too, or change the policy first."
        raise ValidationError({"sent_to": [ValidationError(message, code="conflict")]})


def _sent_elsewhere(group: SecretGroup) -> Iterator[str]:
    environment = group.environment
    shared = group.secrets.filter(kind=Secret.Kind.SHARED).without_content()
    known = {(group.name, one.name): one for one in shared}
    for one in known.values():
        one.group = group
    provider = filling.of(environment.pk)
    own = bindings(environment).select_related("api__asset")
    saved = [(one.policy, one.config, str(one.api)) for one in own]
    saved += [(one.policy, one.config, f"automated policy {one}") for one in automated(environment)]
    names = ["/".join(key) for key in known]
    deployed = (
        ApiInstance.objects.filter(environment=environment).deployed().select_related("asset", "revision")
    )
    for api in deployed.filter(revision__refers_to__overlap=names):
        ran = policies(api.revision.content).values() if api.revision else ()
        saved += [(one.policy, one.config, str(api)) for one in ran]
    for policy, config, whose in saved:
        for found in sent_secrets.astray(policy, config, known, provider):
            yield f"{whose} sends {'/'.join(references.key_of(found.text) or ())} to {found.host}"


def lock_users(environment: Environment) -> None:
    """Let no API begin or cease to use a secret of the environment."""
    bookkeeping.lock(*environment.gateways.all())


def _of(secret: Secret) -> Iterator[Use]:
    for one in secret.serving.all():
        yield Use("to serve with", f"TLS context {one}", one.get_absolute_url())
    for one in secret.trusting.all():
        yield Use("to trust by", f"TLS context {one}", one.get_absolute_url())
    for chosen in secret.trusting_providers.select_related("provider", "environment"):
        yield Use("to trust by", f"client provider {chosen}", chosen.provider.get_absolute_url())
    if not secret.is_shared:
        return
    own, for_many = mentioning(secret)
    for policy in for_many:
        yield Use("as its secret", f"automated policy {policy}", policy.get_absolute_url())
    for binding in own:
        address = reverse("api_policy", args=[binding.api_id, binding.pk])
        yield Use(f"by {binding.title}", str(binding.api), address)
    saved = {binding.api_id for binding in own}
    for api in running(secret).exclude(pk__in=saved).select_related("asset"):
        yield Use("in what is deployed, and no longer in what is saved", str(api), api.get_absolute_url())
