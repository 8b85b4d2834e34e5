"""Which client application, contract or tier a page is about, and whether the user may change it."""

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from apis.contracts import access
from apis.contracts.models import Application, Contract, Tier
from apis.models import ApiInstance
from apis.views.access import api_of
from console import scope
from console.models import Environment, Organization
from console.permissions import Permission
from console.scope import Request


def application_of(request: Request, pk: int) -> Application:
    """The application, if the user holds a role where it is; an environment of its organization becomes the
    one the user works in.
    """
    seen = Application.objects.filter(
        organization__in=Organization.objects.visible_to(request.user, Permission.VIEW_CONTRACTS)
    )
    application = get_object_or_404(seen.select_related("organization"), pk=pk)
    if application.organization != request.scope.organization:
        environments = Environment.objects.known_to(request.user)
        environment = environments.filter(organization=application.organization).first()
        if environment:
            scope.enter(request, environment)
    return application


def application_to_change(request: Request, pk: int) -> Application:
    application = application_of(request, pk)
    if not access.may_manage_application(request.user, application):
        raise PermissionDenied("Only its owners, and managers of its organization, may change it.")
    return application


def own_application(request: Request, pk: int) -> Application:
    """One of those that the user owns, in person or by a team."""
    return get_object_or_404(Application.objects.owned_by(request.user).select_related("organization"), pk=pk)


def own_contract(request: Request, pk: int) -> Contract:
    """A contract of an application that the user owns."""
    found = Contract.objects.filter(application__in=Application.objects.owned_by(request.user))
    return get_object_or_404(
        found.select_related(
            "application__organization",
            "api__asset",
            "api__gateway",
            "api__tls_context",
            "api__environment__organization",
            "tier",
            "requested_tier",
            "terms__environment",
        ),
        pk=pk,
    )


def contract_of(request: Request, pk: int, contract: int, *, to_change: bool = False) -> Contract:
    """A contract with an API that the user sees, or may change."""
    api = api_of(request, pk, Permission.MANAGE_CONTRACTS if to_change else Permission.VIEW_CONTRACTS)
    found = get_object_or_404(
        api.contracts.select_related(
            "application__organization", "tier", "requested_tier", "requested_by", "terms__environment"
        ),
        pk=contract,
    )
    found.api = api
    return found


def tier_to_change(request: Request, pk: int, tier: int) -> Tier:
    return tier_of(api_of(request, pk, Permission.MANAGE_CONTRACTS), tier)


def tier_of(api: ApiInstance, tier: int) -> Tier:
    found = get_object_or_404(api.tiers, pk=tier)
    found.api = api
    return found
