"""An API that is deployed nowhere moves to another environment of its organization, id and all."""

from dataclasses import replace

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F

from apis.changes import bookkeeping
from apis.client_providers import filling
from apis.desired import desired_of
from apis.models import ApiInstance, TlsContext
from apis.removed import Removed
from apis.rules import permitted, sent_secrets
from apis.rules.instances import check_free
from apis.secret_groups import references
from console import audit
from console.models import AuditEntry, Environment, User
from console.permissions import Permission

DEPLOYED = "{} is deployed; undeploy it first, or copy it to {}."
ELSEWHERE = "{} belongs to another organization; copy the API there."


@transaction.atomic
def move_api(actor: User, api: ApiInstance, environment: Environment) -> ApiInstance:
    """Without its gateway, which is the old environment's. Its contracts, policies, alerts and history go
    along.

    Raises ValidationError where it is deployed, or has what the other environment cannot give it, and
    PermissionDenied for who may not take its policies from there and bring them here.
    """
    if api.policies.exists():
        permitted.require(actor, api, Permission.MANAGE_POLICIES)
        permitted.require_in(actor, environment, Permission.MANAGE_POLICIES)
    bookkeeping.lock(api.gateway, api=api)
    before = api.environment
    if before.pk == environment.pk:
        return api
    environment.organization.lock()
    for one in sorted((before, environment), key=lambda it: it.pk):
        one.lock()
    if environment.organization_id != before.organization_id:
        raise ValidationError({"environmentId": [ELSEWHERE.format(environment)]})
    if api.is_deployed:
        raise ValidationError({"environmentId": [DEPLOYED.format(api, environment)]})
    if contexts := _contexts(api):
        needs = f"It uses {', '.join(contexts)} of {before}, which stays there; choose others first."
        raise ValidationError({"environmentId": [needs]})
    if needs := _needs(api, environment):
        raise ValidationError({"environmentId": [needs]})
    api.gateway, api.environment = None, environment
    check_free(environment, replace(desired_of(api), gateway=None), api)
    api.save(update_fields=["gateway", "environment", "updated_at"])
    Removed.objects.filter(api_id=api.pk).update(environment=environment)
    api.roles.update(environment=environment)
    api.alerts.update(environment=environment, edition=F("edition") + 1)
    was, now = {"environment": before.name}, {"environment": environment.name}
    for place in (before, environment):
        audit.record(
            actor,
            AuditEntry.Action.UPDATE,
            api,
            organization=place.organization,
            environment=place,
            before=was,
            after=now,
        )
    return api


def _needs(api: ApiInstance, environment: Environment) -> str:
    """What its policies refer to and the environment lacks, in words; "" where it has all."""
    policies = list(api.policies.values_list("policy", "config"))
    named = references.keys(*(config for _, config in policies))
    known = references.secrets(environment.pk, named)
    if missing := [name for name in named if tuple(name.split("/", 1)) not in known]:
        return f"Its policies mention {', '.join(missing)}, which {environment} lacks; make them there first."
    provider = filling.of(environment.pk)
    for name, config in policies:
        if found := next(sent_secrets.astray(name, config, known, provider), None):
            return str(found)
    if filling.any_asks(policies) and provider is None:
        return f"Its policies ask for a client provider, and {environment} has none; choose one there first."
    return ""


def _contexts(api: ApiInstance) -> list[str]:
    upstreams = TlsContext.objects.filter(upstreams__api=api)
    own = [api.tls_context] if api.tls_context else []
    return sorted({str(one) for one in (*own, *upstreams)})
