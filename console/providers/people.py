"""Whom a provider's subject is here: known, tied by a verified e-mail address, made, or refused.

A provider stands for those alone whose roles all lie in its organization or below, and never for an
administrator of everything: whoever runs the provider could come as any of them. They are the ones whose
password an administrator of the organization may reset as well.
"""

import re
from typing import Any

from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from console.audit import record
from console.models import AuditEntry, Organization, Role, User
from console.permissions import Permission
from console.providers.groups import give, groups_of, take_all
from console.providers.models import Identity, IdentityProvider, ProvidedMembership, ProvidedRole
from console.providers.oidc import LoginRefused, Proven
from console.role_places import owns_an_application
from console.teams.models import Membership

MOST_OF_AN_ADDRESS = 20
UNFIT = re.compile(r"[^\w.@+-]")


def belongs(user: User, organization: Organization) -> bool:
    """Whether all that the user may do, and the client applications that they own, lie in it and below."""
    if user.is_superuser or not all(one.path.startswith(organization.path) for one in user.grants()):
        return False
    owned = Organization.objects.filter(owns_an_application(user))
    return not owned.exclude(path__startswith=organization.path).exists()


@transaction.atomic
def let_in(provider: IdentityProvider, proven: Proven) -> User:
    """The user, with the roles and teams of today's groups. Raises LoginRefused. One at a time of a provider:
    a subject that comes twice at once is one user.
    """
    provider = IdentityProvider.objects.select_for_update(of=("self",)).get(pk=provider.pk)
    identity = _known(provider, proven) or _tied(provider, proven) or _made(provider, proven)
    if identity is None:
        raise LoginRefused(
            f"Nobody here is tied to your account at {provider}. Ask an administrator to add you, or log in "
            "with a password and tie it on your profile."
        )
    user = identity.user
    if not user.is_active:
        raise LoginRefused("This account was deactivated; ask an administrator.")
    if not belongs(user, provider.organization):
        raise LoginRefused(
            f"{user} has roles beyond {provider.organization}, so that {provider} cannot log this user in; "
            "use the password."
        )
    give(identity, groups_of(provider, proven.claims))
    identity.email, identity.last_login_at = _email(proven.claims), timezone.now()
    identity.save(update_fields=["email", "last_login_at"])
    return user


@transaction.atomic
def tie(provider: IdentityProvider, proven: Proven, user: User) -> None:
    """What a user who is logged in asks for. Raises LoginRefused."""
    provider = IdentityProvider.objects.select_for_update(of=("self",)).get(pk=provider.pk)
    known = _known(provider, proven)
    if known is not None and known.user_id != user.pk:
        raise LoginRefused(f"Your account at {provider} is tied to another user here.")
    if not user.grants() or not belongs(user, provider.organization):
        raise LoginRefused(f"{provider} is for those whose roles all lie in {provider.organization}.")
    if known is None:
        _tie(provider, proven, user)


@transaction.atomic
def untie(user: User, identity: Identity) -> None:
    """The roles that came by it go. Raises ValidationError for the last way in."""
    others = user.identities.exclude(pk=identity.pk)
    if not user.has_usable_password() and not others.exists():
        raise ValidationError("This is the only way for you to log in.")
    organization = identity.provider.organization
    take_all(identity)
    before, after = {"tied to": str(identity.provider)}, {"tied to": ""}
    record(user, AuditEntry.Action.UPDATE, user, organization=organization, before=before, after=after)
    identity.delete()


def only_by(user: User) -> IdentityProvider | None:
    """The provider by which alone this user may log in, passwords not; None where the password counts.

    Whoever administers the provider's organization by a role given by hand keeps the password: so that
    somebody gets in when the provider is down.
    """
    if user.is_superuser:
        return None
    paths = {one.path for one in user.grants()}
    strict = IdentityProvider.objects.filter(is_enabled=True, password_allowed=False)
    for provider in strict.select_related("organization"):
        path = provider.organization.path
        is_tied = provider.identities.filter(user=user).exists()
        if (paths and all(one.startswith(path) for one in paths)) or is_tied:
            return None if _administers_by_hand(user, provider.organization) else provider
    return None


def _administers_by_hand(user: User, organization: Organization) -> bool:
    by_hand = Q(user=user) | Q(team__memberships__user=user, team__memberships__is_from_login=False)
    roles = Role.objects.filter(by_hand, environment=None, provided=None).select_related(
        "organization", "custom"
    )
    return any(
        Permission.ADMINISTER_ORGANIZATION in one.permissions
        and organization.path.startswith(one.organization.path)
        for one in roles
    )


def provided_to(user: User) -> dict[int, str]:
    """The names of the providers by which a user has roles, by the role's key."""
    found = ProvidedRole.objects.filter(identity__user=user).select_related("identity__provider")
    return {one.role_id: one.identity.provider.name for one in found}


def bringing(membership: Membership) -> str:
    """The name of a provider whose groups put somebody into a team; empty for what was given by hand."""
    found = ProvidedMembership.objects.filter(membership=membership, membership__is_from_login=True)
    given = found.select_related("identity__provider").first()
    return given.identity.provider.name if given else ""


def _known(provider: IdentityProvider, proven: Proven) -> Identity | None:
    found = Identity.objects.filter(provider=provider, issuer=proven.issuer, subject=proven.subject)
    return found.select_related("user", "provider__organization").first()


def _tied(provider: IdentityProvider, proven: Proven) -> Identity | None:
    """By an address that the provider has verified, of exactly one user who belongs to the organization."""
    email = _email(proven.claims)
    if not provider.links_by_email or not email or proven.claims.get("email_verified") is not True:
        return None
    same = User.objects.filter(email__iexact=email, is_active=True)[:MOST_OF_AN_ADDRESS]
    found = [user for user in same if user.grants() and belongs(user, provider.organization)]
    if len(found) > 1:
        raise LoginRefused(
            f"Several users here have the address {email}; log in with a password and tie yours."
        )
    return _tie(provider, proven, found[0]) if found else None


def _tie(provider: IdentityProvider, proven: Proven, user: User) -> Identity:
    identity = Identity.objects.create(
        provider=provider,
        issuer=proven.issuer,
        subject=proven.subject,
        user=user,
        email=_email(proven.claims),
    )
    before, after = {"tied to": ""}, {"tied to": f"{provider}: {proven.subject}"}
    record(
        user, AuditEntry.Action.UPDATE, user, organization=provider.organization, before=before, after=after
    )
    return identity


def _made(provider: IdentityProvider, proven: Proven) -> Identity | None:
    if not provider.makes_users:
        return None
    claims = proven.claims
    email = _email(claims)
    user = User(
        username=_free_name(claims.get("preferred_username") or email or proven.subject),
        email=email,
        first_name=_text(claims, "given_name", 150),
        last_name=_text(claims, "family_name", 150),
    )
    user.set_unusable_password()
    user.save()
    facts = {"username": user.username, "email": email, "tied to": f"{provider}: {proven.subject}"}
    actor_name = f"identity provider {provider}"
    action, organization = AuditEntry.Action.CREATE, provider.organization
    record(None, action, user, organization=organization, after=facts, actor_name=actor_name)
    return Identity.objects.create(
        provider=provider, issuer=proven.issuer, subject=proven.subject, user=user, email=email
    )


def _free_name(wanted: Any) -> str:
    """A name that is nobody's yet, close to the wanted one."""
    name = UNFIT.sub("-", str(wanted))[:140] or "user"
    try:
        UnicodeUsernameValidator()(name)
    except ValidationError:
        name = "user"
    taken = set(User.objects.filter(username__istartswith=name).values_list("username", flat=True))
    lowered = {one.casefold() for one in taken}
    number, free = 1, name
    while free.casefold() in lowered:
        number, free = number + 1, f"{name}-{number + 1}"
    return free


def _email(claims: dict[str, Any]) -> str:
    email = _text(claims, "email", 254)
    try:
        validate_email(email)
    except ValidationError:
        return ""
    return email


def _text(claims: dict[str, Any], name: str, most: int) -> str:
    found = claims.get(name)
    return found[:most] if isinstance(found, str) and "\0" not in found else ""
