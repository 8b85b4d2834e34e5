"""Who must have a second factor: whoever may do anything in an organization that needs it, or below."""

from uuid import UUID

from django.db.models import BooleanField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet

from console.factors.models import LoginRule, Passkey, SecondFactor
from console.models import Organization, Role, User


def of_session() -> ExpressionWrapper:
    """Of the user of a session: whether one is needed, and there is none yet."""
    return _needs("user_id")


def needs_factor(user: User) -> bool:
    return User.objects.filter(pk=user.pk).annotate(needs=_needs("pk")).filter(needs=True).exists()


def rules_of(user: str) -> Exists:
    """Whether any organization of the user, whom this column names, needs one."""
    return Exists(_rules(user))


def is_needed_above(organization: Organization) -> bool:
    """Whether an organization above needs one: what a business group trusts does not count for that."""
    above = [UUID(part) for part in organization.path.split("/") if part][:-1]
    return LoginRule.objects.filter(organization__in=above, needs_second_factor=True).exists()


def has_factor(user: User) -> bool:
    codes = SecondFactor.objects.filter(user=user, totp_since__isnull=False)
    return codes.exists() or Passkey.objects.filter(user=user).exists()


def _rules(user: str) -> QuerySet[LoginRule]:
    """An administrator of everything is in every organization."""
    person = OuterRef(OuterRef(user))
    below = Role.objects.filter(
        Q(user=person) | Q(team__memberships__user=person),
        organization__path__startswith=OuterRef("organization__path"),
    )
    everywhere = User.objects.filter(pk=OuterRef(OuterRef(user)), is_superuser=True)
    return LoginRule.objects.filter(needs_second_factor=True).filter(Exists(below) | Exists(everywhere))


def _needs(user: str) -> ExpressionWrapper:
    codes = SecondFactor.objects.filter(user=OuterRef(user), totp_since__isnull=False)
    passkeys = Passkey.objects.filter(user=OuterRef(user))
    return ExpressionWrapper(
        Exists(_rules(user)) & ~Exists(codes) & ~Exists(passkeys), output_field=BooleanField()
    )
