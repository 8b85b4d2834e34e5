"""Keeps what is about to be removed, and puts it back: the rows as they were, under the ids that they had."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone

from apis import attached
from apis.api_test import ApiTest
from apis.assets.models import Asset
from apis.automated.models import AutomatedPolicy
from apis.changes import bookkeeping, deploying, granting, own_roles, reviving
from apis.contracts.models import Application, Contract, HiddenApi, Tier
from apis.contracts.terms import Terms
from apis.desired import desired_of
from apis.models import ApiInstance, PolicyBinding, RouteUpstream, TlsContext, Upstream
from apis.muted_finding import MutedFinding
from apis.owners.models import ApiOwner
from apis.removed import Removed
from apis.revision import Revision
from apis.revisions import plain
from apis.rules.instances import check_free
from apis.rules.listeners import normalised
from apis.rules.problem import refuse
from console.granting import give_again
from console.models import AuditEntry, Role, User
from console.permissions import Permission
from console.teams.models import Team
from gateways.models import Gateway

PARTS: tuple[type[models.Model], ...] = (
    *plain.PARTS,
    ApiTest,
    ApiOwner,
    MutedFinding,
    Tier,
    Terms,
    HiddenApi,
    Contract,
)
"""What belongs to an API, each after what it refers to."""
GONE = "It is no longer kept, or somebody restored it meanwhile."


def keep_api(actor: User, api: ApiInstance) -> Removed:
    saved = {plain.kind(ApiInstance): [plain.plain(api)]} | {
        plain.kind(part): _of(part, api) for part in PARTS
    }
    saved |= {
        plain.kind(part): [plain.plain(row) for row in of(api)] for part, of in attached.parts().items()
    }
    saved[plain.kind(Role)] = own_roles.end(actor, api)
    return _keep(actor, api, Removed.Kind.API, str(api), saved)


def keep_policy(actor: User, binding: PolicyBinding) -> Removed:
    saved = {plain.kind(PolicyBinding): [plain.plain(binding)]}
    return _keep(actor, binding.api, Removed.Kind.POLICY, binding.title, saved)


def keep_pending(actor: User, api: ApiInstance) -> Removed:
    """What is saved of it, as somebody discards that."""
    fresh = ApiInstance.objects.get(pk=api.pk)
    return _keep(actor, api, Removed.Kind.PENDING, str(api), plain.of_api(fresh))


def keep_automated(actor: User, policy: AutomatedPolicy) -> Removed:
    saved = {plain.kind(AutomatedPolicy): [plain.plain(policy)]}
    kind, name = Removed.Kind.AUTOMATED, str(policy)[:255]
    return Removed.objects.create(
        environment=policy.environment, kind=kind, api_id=0, name=name, saved=saved, by=actor
    )


@transaction.atomic
def restore_api(
    actor: User, removed: Removed, *, base_path: str = "", port: int | None = None
) -> ApiInstance:
    """The API with its routes, upstreams and policies, deployed if it was and its gateway is still there: as
    it ran, where something was pending.

    `base_path` and `port` are others than it had, where these were taken. Raises ValidationError when it is
    no longer kept, or cannot be as it was: its base path was taken meanwhile, or what it needs was deleted.
    """
    api = plain.row_of(ApiInstance, removed.saved[plain.kind(ApiInstance)][0])
    there = Gateway.objects.filter(environment=removed.environment_id, is_revoked=False)
    gateway = there.filter(pk=api.gateway_id).first() if api.gateway_id else None
    bookkeeping.lock(gateway)
    removed.environment.organization.lock()
    removed.environment.lock()
    saved = locked(removed, Removed.Kind.API).saved
    api.gateway, api.is_deployed = gateway, api.is_deployed and gateway is not None
    ran = _ran(api) if not base_path and port is None else None
    place = removed.environment
    is_reviewed = ran is not None or (place.deploys_on_save and not place.failing_tests_stop)
    if not is_reviewed or Permission.DEPLOY_APIS not in own_roles.may_restore(actor, removed):
        # Something else than ran would run, and nobody has reviewed it; or somebody else is to deploy it.
        api.is_deployed = False
    if not api.is_deployed:
        api.pending_since, api.pending_digest = None, ""
        api.pending_by = list(dict.fromkeys([*api.pending_by, actor.pk]))
    api.revision, api.revision_generation = None, None
    _move(api, base_path, port)
    _check(api, saved)
    _save([api])
    _save_parts(api, saved)
    api = ApiInstance.objects.get(pk=api.pk)
    check_free(api.environment, desired_of(api), api)
    if api.is_deployed:
        api.deployed_at = timezone.now()
        api.save(update_fields=["deployed_at"])
        refuse(reviving.problems(api, ran) if ran else ())
        bookkeeping.bump(api, api.gateway, revision=ran)
        # Also where nothing waited: the asset may have got another document meanwhile.
        deploying.wait(actor, api)
    granting.changed_all(api.contracts.all())
    give_again(actor, own_roles.of(removed))
    removed.delete()
    after = {"restored": True} | bookkeeping.facts(api)
    bookkeeping.record(actor, AuditEntry.Action.CREATE, api, after=after)
    return api


def locked(removed: Removed, kind: Removed.Kind) -> Removed:
    """As it is now, for whoever restores it. Raises ValidationError when it is there no more."""
    found = Removed.objects.select_for_update().filter(pk=removed.pk, kind=kind).first()
    if found is None:
        raise ValidationError({"": [ValidationError(GONE, code="conflict")]})
    return found


def policy_of(removed: Removed) -> PolicyBinding:
    """Not saved: it is applied anew, with the same id."""
    return plain.row_of(PolicyBinding, removed.saved[plain.kind(PolicyBinding)][0])


def automated_of(removed: Removed) -> AutomatedPolicy:
    """The same of an automated policy, in its environment."""
    found = plain.row_of(AutomatedPolicy, removed.saved[plain.kind(AutomatedPolicy)][0])
    found.environment = removed.environment
    return found


def _keep(actor: User, api: ApiInstance, kind: Removed.Kind, name: str, saved: Mapping[str, Any]) -> Removed:
    return Removed.objects.create(
        environment=api.environment, kind=kind, api_id=api.pk, name=name[:255], saved=saved, by=actor
    )


def _of(part: type[models.Model], api: ApiInstance) -> list[plain.Row]:
    whose = {"route__api": api} if part is RouteUpstream else {"api": api}
    return [plain.plain(row) for row in part._default_manager.filter(**whose).order_by("pk")]


def _save(rows: Iterable[models.Model]) -> None:
    """As they are: no time and no default is written over."""
    for row in rows:
        row.save_base(raw=True, force_insert=True)


def _save_parts(api: ApiInstance, saved: Mapping[str, list[plain.Row]]) -> None:
    """Without people and teams that are gone: constraints are looked at at the end of the transaction."""
    for part in PARTS:
        own = [plain.row_of(part, row) for row in saved.get(plain.kind(part), ())]
        _save(_still_possible(own) if part is Contract else own)
    for model in attached.parts():
        rows = [attached.mended(plain.row_of(model, row)) for row in saved.get(plain.kind(model), ())]
        _save(row for row in rows if row)
    there = User.objects.all()
    api.owners.exclude(user=None).exclude(user__in=there).delete()
    api.owners.exclude(team=None).exclude(team__in=Team.objects.all()).delete()
    api.muted_findings.exclude(by=None).exclude(by__in=there).update(by=None)
    api.terms.exclude(created_by=None).exclude(created_by__in=there).update(created_by=None)
    for whose in ("requested_by", "decided_by"):
        gone = api.contracts.exclude(**{whose: None}).exclude(**{f"{whose}__in": there})
        gone.update(**{whose: None})


def _still_possible(rows: list[models.Model]) -> list[models.Model]:
    """The contracts whose applications are still there; those are kept from being deleted meanwhile."""
    wanted = {row.application_id for row in rows if isinstance(row, Contract)}
    there = Application.objects.order_by("pk").select_for_update(no_key=True).filter(pk__in=wanted)
    known = set(there.values_list("pk", flat=True))
    return [row for row in rows if isinstance(row, Contract) and row.application_id in known]


def _ran(api: ApiInstance) -> Revision | None:
    """What its gateway was to run when it was deleted, as far as that is kept."""
    return Revision.objects.filter(pk=api.revision_id, api=api.pk).first()


def _move(api: ApiInstance, base_path: str, port: int | None) -> None:
    """Within what its row can hold; the rules are asked once it is saved."""
    api.base_path = normalised(base_path)[:255] or api.base_path
    if len(normalised(base_path)) > 255:
        _refuse("base_path", "The base path is longer than 255 characters.")
    if port is not None:
        api.port = port
        if not 1 <= port <= 65535:
            _refuse("port", f"{port} is not a port; write a number from 1 to 65535.")


def _check(api: ApiInstance, saved: Mapping[str, list[plain.Row]]) -> None:
    """That all that it refers to is still there. Raises ValidationError."""
    named = [api.tls_context_id, *(row["tls_context_id"] for row in saved[plain.kind(Upstream)])]
    wanted = {str(one) for one in named if one}
    known = TlsContext.objects.filter(pk__in=wanted, environment=api.environment_id)
    if known.count() < len(wanted):
        _refuse("tls_context", "A TLS context that it needs was deleted; it cannot be as it was.")
    if not Asset.objects.filter(pk=api.asset_id).exists():
        _refuse("asset", "The asset that it was made of was deleted; it cannot be as it was.")
    if api.created_by_id and not User.objects.filter(pk=api.created_by_id).exists():
        api.created_by = None


def _refuse(field: str, message: str) -> None:
    raise ValidationError({field: [ValidationError(message, code="conflict")]})
