"""Which API a page is about, and whether the user may change it."""

from typing import TypeVar
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, QueryDict
from django.shortcuts import get_object_or_404

from apis.automated.models import AutomatedPolicy, PolicySet
from apis.change_set import ChangeSet
from apis.models import ApiInstance, PolicyBinding, TlsContext
from apis.secret_groups.acme import AcmeSource
from apis.secret_groups.models import Secret, SecretGroup
from apis.secret_groups.permission import may_manage
from apis.wizard_draft import WizardDraft
from console import scope
from console.compiled import CompiledQuery
from console.grants import Held, May
from console.models import Environment
from console.permissions import Permission
from console.scope import NO_ROLE, Request, lacking, must

Row = TypeVar("Row", ApiInstance, AutomatedPolicy, PolicySet, TlsContext, ChangeSet, WizardDraft, SecretGroup)


_API = CompiledQuery(
    lambda pk: (
        ApiInstance.objects.order_by()
        .filter(pk=pk)
        .select_related("asset", "gateway", "tls_context", "environment__organization")
    ),
    pk=2**62 + 7,
)


def api_of(request: Request, pk: int, needs: str = Permission.VIEW_APIS) -> ApiInstance:
    """The API, if the user may see it; its environment becomes the one the user works in. 404 for one that
    is out of sight, 403 for whoever needs more than they have.
    """
    api = _API.first(pk=pk) if pk < 2**63 else None
    held = request.user.held()
    if api is None or Permission.VIEW_APIS not in _may(held, api):
        raise Http404(f"API {pk} not found.")
    scope.enter(request, api.environment)
    if needs not in may_on(request, api):
        raise lacking(needs)
    return api


def api_to_change(request: Request, pk: int) -> ApiInstance:
    """The API, if the user may change it."""
    return api_of(request, pk, Permission.MANAGE_APIS)


def may_on(request: Request, api: ApiInstance) -> May:
    """What the user may do to this API."""
    return _may(request.scope.held, api)


def _may(held: Held, api: ApiInstance) -> May:
    return held.on_api(api.pk, api.environment_id, api.environment.organization.path)


def may_deploy_in(request: Request, environment: Environment) -> bool:
    """Whether what the user makes there may be deployed by the user, too."""
    held = request.scope.held.in_environment(environment.pk, environment.organization.path)
    return Permission.DEPLOY_APIS in held


def binding_of(
    request: Request, pk: int, binding: int, needs: str = Permission.VIEW_POLICIES
) -> PolicyBinding:
    """A policy that the user may see."""
    api = api_of(request, pk, needs)
    return get_object_or_404(api.policies.select_related("api__asset", "api__gateway"), pk=binding)


def binding_to_change(request: Request, pk: int, binding: int) -> PolicyBinding:
    return binding_of(request, pk, binding, Permission.MANAGE_POLICIES)


def automated_of(request: Request, pk: int) -> AutomatedPolicy:
    """The automated policy, if the user may see it; its environment becomes the one the user works in."""
    rows = AutomatedPolicy.objects.visible_to(request.user)
    return _entered(request, rows.select_related("environment__organization"), pk)


def automated_to_change(request: Request, pk: int) -> AutomatedPolicy:
    policy = automated_of(request, pk)
    must(request, Permission.MANAGE_POLICIES)
    return policy


def policy_set_of(request: Request, pk: int) -> PolicySet:
    """The policy set, if the user may see it; its environment becomes the one the user works in."""
    rows = PolicySet.objects.visible_to(request.user)
    return _entered(request, rows.select_related("environment__organization"), pk)


def policy_set_to_change(request: Request, pk: int) -> PolicySet:
    policy_set = policy_set_of(request, pk)
    must(request, Permission.MANAGE_POLICIES)
    return policy_set


def tls_context_of(request: Request, pk: UUID) -> TlsContext:
    """The TLS context, if the user may see it; its environment becomes the one the user works in."""
    rows = TlsContext.objects.visible_to(request.user)
    return _entered(request, rows.select_related("environment__organization"), pk)


def tls_context_to_change(request: Request, pk: UUID) -> TlsContext:
    context = tls_context_of(request, pk)
    must(request, Permission.MANAGE_SECRETS)
    return context


def secret_group_of(request: Request, pk: UUID) -> SecretGroup:
    """The secret group, if the user may see it; its environment becomes the one the user works in."""
    rows = SecretGroup.objects.visible_to(request.user)
    return _entered(request, rows.select_related("environment__organization"), pk)


def secret_group_to_change(request: Request, pk: UUID) -> SecretGroup:
    group = secret_group_of(request, pk)
    _must_manage(request, group)
    return group


def secret_of(request: Request, pk: UUID) -> Secret:
    """The secret, if the user may see its group."""
    rows = Secret.objects.visible_to(request.user).select_related("changed_by")
    secret = get_object_or_404(rows, pk=pk)
    secret.group = secret_group_of(request, secret.group_id)
    return secret


def secret_to_change(request: Request, pk: UUID) -> Secret:
    secret = secret_of(request, pk)
    _must_manage(request, secret.group)
    return secret


def acme_source_to_change(request: Request, pk: int) -> AcmeSource:
    rows = AcmeSource.objects.filter(
        environment__in=Environment.objects.permitting(request.user, Permission.VIEW_SECRETS)
    )
    source = get_object_or_404(rows.select_related("environment__organization", "group"), pk=pk)
    source.group.environment = source.environment
    _must_manage(request, source.group)
    return source


def _must_manage(request: Request, group: SecretGroup) -> None:
    if not may_manage(request.user, group.environment):
        raise PermissionDenied(
            f"Changes of secrets need the permission Manage secrets and TLS in {group.environment}."
        )


def change_set_of(request: Request, pk: UUID) -> ChangeSet:
    """The change set, if the user may see it; its environment becomes the one the user works in."""
    rows = ChangeSet.objects.filter(
        environment__in=Environment.objects.permitting(request.user, Permission.VIEW_APIS)
    )
    named = ("environment__organization", "gateway", "undoes", "undone_by")
    return _entered(request, rows.select_related(*named), pk)


def draft_to_change(request: Request, pk: UUID) -> WizardDraft:
    """The user's own draft, where the user may still add an API."""
    rows = WizardDraft.objects.fresh().filter(
        user=request.user, environment__in=Environment.objects.known_to(request.user)
    )
    draft = _entered(request, rows.select_related("environment__organization", "api__asset"), pk)
    must(request, Permission.MANAGE_APIS)
    return draft


def _entered(request: Request, rows: QuerySet[Row], pk: int | UUID) -> Row:
    """The row, whose environment becomes the one the user works in; 404 where it is not among those."""
    row = get_object_or_404(rows, pk=pk)
    scope.enter(request, row.environment)
    return row


def environment_of(request: Request, needs: str = "") -> Environment:
    """The environment the user works in, for who has the permission in all of it: without one, any."""
    if needs:
        must(request, needs)
    environment = request.scope.environment
    if environment is None:
        raise Http404(NO_ROLE)
    return environment


def posted(request: Request) -> QueryDict | None:
    """What a form is bound to: an empty one that is sent is a form with nothing in it."""
    return request.POST if request.method == "POST" else None


def messages_of(error: ValidationError) -> dict[str, list[str]]:
    """The messages by field; those of no field under ""."""
    return error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
