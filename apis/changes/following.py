"""What holds a copy of a secret, or runs with it, follows when it changes: at once, without a deployment."""

import json

from django.core.exceptions import ValidationError

from apis.automated import coverage
from apis.automated.models import AutomatedPolicy
from apis.changes import bookkeeping, provider_uses, secret_uses
from apis.changes.tls_contexts import follow_stores
from apis.client_providers.models import Chosen
from apis.models import ApiInstance, ApiInstanceQuerySet, PolicyBinding, TlsContext
from apis.revision import Brought
from apis.rules import policy_config
from apis.rules.policy_config import merged
from apis.secret_groups.models import Secret
from console.models import AuditEntry, Environment
from policies import catalog

MOST_CHECKED = 1_000
"""Policies that mention a secret; of those beyond, the gateway says what it refuses."""


def follow(secret: Secret, entry: AuditEntry | None) -> None:
    """Call it in the change's transaction, with all gateways of the environment locked.

    Raises ValidationError where something could not run with what it holds now.
    """
    if secret.is_shared:
        own, for_many = secret_uses.mentioning(secret)
        _check(secret, [*own, *for_many])
        covered = {pk for one in for_many for pk in coverage.covered(one)}
        named = set(secret_uses.running(secret).values_list("pk", flat=True))
        _push(ApiInstance.objects.filter(pk__in=named | covered), entry)
    if secret.kind in (Secret.Kind.KEYSTORE, Secret.Kind.TRUSTSTORE):
        contexts = list(
            TlsContext.objects.filter(keystore=secret) | TlsContext.objects.filter(truststore=secret)
        )
        for context in contexts:
            follow_stores(context, secret)
        _push(ApiInstance.objects.filter(pk__in=_users_of(contexts)), entry)
    if Chosen.objects.filter(truststore=secret).exists():
        follow_provider(secret.group.environment, entry)


def follow_provider(environment: Environment, entry: AuditEntry | None) -> None:
    """The same for the environment's client provider, which is another one now, or says something else."""
    covered = {pk for one in provider_uses.automated(environment) for pk in coverage.covered(one)}
    named = set(provider_uses.running(environment).values_list("pk", flat=True))
    _push(ApiInstance.objects.filter(pk__in=named | covered), entry)


def _push(apis: ApiInstanceQuerySet, entry: AuditEntry | None) -> None:
    bookkeeping.bump_all(apis.deployed())
    if entry:
        bookkeeping.explain_shared(Brought.objects.filter(api__in=apis), entry)


def _check(secret: Secret, users: list[PolicyBinding | AutomatedPolicy]) -> None:
    """Raises ValidationError where a policy could not do with what it holds now."""
    environment = secret.group.environment
    seen: set[tuple[str, str]] = set()
    for one in users[:MOST_CHECKED]:
        like = one.policy, json.dumps(one.config, sort_keys=True)
        if like in seen:
            continue
        seen.add(like)
        try:
            policy_config.checked(catalog.find(one.policy), merged(one.config, one.secrets), environment)
        except catalog.UnknownPolicy:
            continue
        except ValidationError as error:
            own = f"{one.title} of {one.api}" if isinstance(one, PolicyBinding) else ""
            whose = own or f"automated policy {one}"
            raise ValidationError({"": [f"{whose}: {' '.join(error.messages)}"]}) from error


def _users_of(contexts: list[TlsContext]) -> set[int]:
    found = (ApiInstance.objects.with_tls(one).values_list("pk", flat=True) for one in contexts)
    return {pk for keys in found for pk in keys}
