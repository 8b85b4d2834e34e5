"""Who may do what with client applications, contracts and SLA tiers: each decision in one place."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from apis import granted
from apis.contracts.models import Application, Contract, HiddenApi
from apis.models import ApiInstance
from console.models import Organization, Role, User
from console.permissions import Permission
from console.teams.models import Membership, Team, TeamQuerySet


def may_manage_contracts(user: User, api: ApiInstance) -> bool:
    """Approve, reject, revoke, restore, delete; give another tier; change the API's tiers."""
    held = user.held().on_api(api.pk, api.environment_id, api.environment.organization.path)
    return Permission.MANAGE_CONTRACTS in held


def may_manage_applications(user: User, organization: Organization) -> bool:
    """All of the organization's."""
    return Organization.objects.where(user, Permission.MANAGE_CONTRACTS).filter(pk=organization.pk).exists()


def knows(user: User, organization: Organization) -> bool:
    """Whether the user sees anything of the organization, or owns an application of it."""
    seen = Organization.objects.visible_to(user).filter(pk=organization.pk)
    return seen.exists() or _owns_one_of(user, organization)


def may_create_application(user: User, organization: Organization) -> bool:
    """Whoever knows the organization may call its APIs, once somebody approves of it. In person: a connected
    app or a token that was permitted to look alone makes none.
    """
    if user.through is None:
        return knows(user, organization)
    managed = Organization.objects.visible_to(user, Permission.MANAGE_CONTRACTS)
    return managed.filter(pk=organization.pk).exists()


def may_manage_application(user: User, application: Application) -> bool:
    """Change it, reset its secret, delete it."""
    return _owns(user, application) or may_manage_applications(user, application.organization)


def may_request(user: User, application: Application, api: ApiInstance) -> bool:
    """Ask for access to the API, for this application; ask for another tier; take back what was asked for."""
    return may_manage_application(user, application) and (
        requestable(user, application).filter(pk=api.pk).exists()
    )


def may_delete_contract(user: User, contract: Contract) -> bool:
    """Who manages the API's contracts; what waits to be approved takes back also who asked for it."""
    if may_manage_contracts(user, contract.api):
        return True
    return contract.status == Contract.Status.PENDING and may_manage_application(user, contract.application)


def requestable(user: User, application: Application) -> QuerySet[ApiInstance]:
    """The APIs that the application may be given access to by this user: those that the user sees in the
    application's tenant, and those of its own organization and below, which an owner without a role may call
    too, but for those that are hidden from consumers.
    """
    own = application.organization
    tenant = own.path.split("/")[0]
    within = Q(environment__organization__path__startswith=own.path, hidden=None)
    seen = granted.apis(user.held(), Permission.VIEW_APIS) & Q(
        environment__organization__path__startswith=f"{tenant}/"
    )
    return ApiInstance.objects.filter(within | seen)


def is_hidden(api: ApiInstance) -> bool:
    """Whether consumers do not find it."""
    return HiddenApi.objects.filter(api=api).exists()


def deciding(api: ApiInstance) -> QuerySet[User]:
    """Who manages the API's contracts, in person or by a team."""
    above = [part for part in api.environment.organization.path.split("/") if part]
    place = Q(api=api) | Q(api=None, environment=api.environment)
    roles = Role.objects.filter(place | Q(environment=None, organization__in=above)).select_related("custom")
    found = [role.pk for role in roles if Permission.MANAGE_CONTRACTS in role.permissions]
    return User.objects.filter(Role.objects.filter(pk__in=found).holders(), is_active=True)


def may_own(organization: Organization) -> QuerySet[User]:
    """Who may be named as an owner: those with a role in the organization, above or below it, those who own
    an application of it already, and who administers all.
    """
    above = [part for part in organization.path.split("/") if part]
    roles = Role.objects.order_by().filter(
        Q(organization__in=above) | Q(organization__path__startswith=organization.path)
    )
    owned = Application.owners.through.objects.filter(
        application__organization=organization, user_id=OuterRef("pk")
    )
    return User.objects.filter(roles.holders() | Exists(owned) | Q(is_superuser=True), is_active=True)


def owns_any(user: User) -> bool:
    return user.through is None and Application.objects.owned_by(user).exists()


def owners_of(application: Application) -> QuerySet[User]:
    """People who own it today, in person or by a team."""
    by_team = Membership.objects.filter(team__applications=application).values("user")
    return User.objects.filter(Q(pk__in=application.owners.values("pk")) | Q(pk__in=by_team))


def teams_to_name(user: User, organization: Organization) -> TeamQuerySet:
    """Those that this user may name as owners: all, for whoever manages its applications; else their own."""
    every = Team.objects.acting_in(organization)
    return every if may_manage_applications(user, organization) else every.of(user)


def _owns(user: User, application: Application) -> bool:
    """Not by a connected app, which has what it was granted and no more."""
    return user.through is None and Application.objects.owned_by(user).filter(pk=application.pk).exists()


def _owns_one_of(user: User, organization: Organization) -> bool:
    owned = Application.objects.owned_by(user).filter(organization=organization)
    return user.through is None and owned.exists()
