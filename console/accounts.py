"""What administrators change: users, roles, organizations, environments, connected apps.

Every function is atomic and audited. It raises PermissionDenied unless the actor administers the
organization it is about, and ValidationError with `{field: [messages]}` for what cannot be done.
"""

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, models, transaction

from console import app_access
from console.app_access import AppAccess, access_facts, app_version
from console.audit import record
from console.digests import digest
from console.granting import grant_role, require_administrator, require_somebody, together
from console.models import AuditEntry, ConnectedApp, Environment, Organization, Role, User
from console.once import Sending, check_shown
from console.permissions import Permission
from console.role_places import owns_an_application
from console.sessions import logins
from console.tokens.changes import end_all as end_personal_tokens
from console.versions import check as check_version

Action = AuditEntry.Action


@transaction.atomic
def create_user(
    actor: User,
    organization: Organization,
    *,
    username: str,
    email: str = "",
    role: str = Role.Name.VIEWER,
    environment: Environment | None = None,
    api: Any = None,
    sending: Sending | None = None,
) -> tuple[User, str]:
    """The user and a generated password, to be shown once.

    Whom the same `sending` made is not made again.
    """
    require_administrator(actor, organization)
    organization.lock()
    password = sending.secret("password")[:16] if sending else secrets.token_urlsafe(12)
    made = User.objects.filter(username=username).first() if sending else None
    if made and made.check_password(password):
        check_shown(made.date_joined)
        return made, password
    user = User(username=username, email=email, must_change_password=True)
    user.set_password(password)
    _save(user, user.full_clean)
    _record(actor, Action.CREATE, user, organization, after={"username": username, "email": email})
    grant_role(actor, user, organization, role, environment, api=api)
    return user, password


@transaction.atomic
def reset_password(actor: User, user: User) -> str:
    """A new generated password, to be shown once; the user's sessions end with the old one."""
    organization = require_whole_user(actor, user)
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.must_change_password = True
    user.save(update_fields=["password", "must_change_password"])
    user.access_tokens.all().delete()
    logins.end_all(user)
    end_personal_tokens(actor, user, "a new password", organization)
    _record(actor, Action.UPDATE, user, organization, before={"password": "old"}, after={"password": "new"})
    return password


@transaction.atomic
def set_own_password(user: User, password: str, session: SessionBase | None = None) -> None:
    """What came by the old one ends, tokens of any kind and sessions, but for the session that asks."""
    user.set_password(password)
    user.must_change_password = False
    user.save(update_fields=["password", "must_change_password"])
    user.access_tokens.all().delete()
    logins.end_all(user, but=session)
    end_personal_tokens(user, user, "a new password")
    if organization := user.organizations().first():
        _record(
            user, Action.UPDATE, user, organization, before={"password": "old"}, after={"password": "new"}
        )


@transaction.atomic
def set_active(actor: User, user: User, is_active: bool) -> None:
    """A deactivated user cannot log in, and their tokens stop working."""
    if user == actor:
        raise ValidationError({"user": ["You cannot deactivate yourself; ask another administrator."]})
    together(actor, user)
    organization = require_whole_user(actor, user)
    before = user.is_active
    user.is_active = is_active
    user.save(update_fields=["is_active"])
    if not is_active:
        user.access_tokens.all().delete()
        logins.end_all(user)
        end_personal_tokens(actor, user, "deactivated", organization)
        for role in Role.objects.of(user).filter(environment=None).select_related("organization", "custom"):
            if Permission.ADMINISTER_ORGANIZATION in role.permissions:
                require_somebody(role.organization)
    _record(
        actor, Action.UPDATE, user, organization, before={"is_active": before}, after={"is_active": is_active}
    )


@transaction.atomic
def create_organization(actor: User, parent: Organization, name: str) -> Organization:
    """A business group below `parent`."""
    require_administrator(actor, parent)
    organization = Organization(name=name, parent=parent)
    _check_group(organization)
    organization.full_clean()
    organization.save()
    _record(actor, Action.CREATE, organization, organization, after={"name": name, "parent": parent.name})
    return organization


@transaction.atomic
def rename_organization(actor: User, organization: Organization, name: str) -> None:
    require_administrator(actor, organization)
    before = organization.name
    organization.name = name
    _check_group(organization)
    organization.full_clean()
    organization.save(update_fields=["name"])
    _record(actor, Action.UPDATE, organization, organization, before={"name": before}, after={"name": name})


@transaction.atomic
def create_environment(actor: User, organization: Organization, name: str, type: str) -> Environment:  # noqa: A002 — the REST field's name
    require_administrator(actor, organization)
    organization.lock()
    environment = Environment(organization=organization, name=name, type=type)
    _save(environment, partial(_clean_environment, environment))
    _record(actor, Action.CREATE, environment, organization, environment, after={"name": name, "type": type})
    return environment


@transaction.atomic
def rename_environment(actor: User, environment: Environment, name: str) -> None:
    require_administrator(actor, environment.organization)
    environment.organization.lock()
    before = environment.name
    environment.name = name
    _save(environment, partial(_clean_environment, environment), update_fields=["name"])
    _record(
        actor,
        Action.UPDATE,
        environment,
        environment.organization,
        environment,
        before={"name": before},
        after={"name": name},
    )


@transaction.atomic
def delete_environment(actor: User, environment: Environment) -> None:
    """Refused while it holds gateways or APIs: deleting those is a decision of its own."""
    require_administrator(actor, environment.organization)
    environment.lock()
    held = _held_by(environment)
    if held:
        message = f"{environment} still holds {held}; delete or move those first."
        raise ValidationError({"environment": [ValidationError(message, code="conflict")]})
    facts = {"name": environment.name, "type": environment.type}
    _record(actor, Action.DELETE, environment, environment.organization, before=facts)
    environment.delete()


@transaction.atomic
def create_connected_app(
    actor: User, organization: Organization, name: str, access: AppAccess, sending: Sending | None = None
) -> tuple[ConnectedApp, str]:
    """The app and its secret, to be shown once. It acts for the actor, within `access`.

    What the same `sending` made is not made again. Raises ValidationError where its secret was renewed since.
    """
    require_administrator(actor, organization)
    app_access.check(organization, access)
    app_access.check_scopes(actor, organization, access)
    organization.lock()
    app = ConnectedApp(name=name, organization=organization, owner=actor)
    if sending:
        app.client_id = digest(sending.secret("client id"))
    secret = app.renew_secret(sending.secret("client secret") if sending else "")
    if made := ConnectedApp.objects.filter(pk=app.pk).first():
        if made.secret_hash != app.secret_hash:
            raise ValidationError({"": ["This form made an app, whose secret was renewed since."]})
        check_shown(made.created_at)
        return made, secret
    app.full_clean()
    app.save()
    app_access.keep(app, access)
    facts = {"name": name, "owner": actor.get_username(), **access_facts(app)}
    _record(actor, Action.CREATE, app, organization, after=facts)
    return app, secret


@transaction.atomic
def change_app_access(actor: User, app: ConnectedApp, access: AppAccess, *, seen: str = "") -> None:
    """In force with the next request: tokens got before are judged anew each time. Raises Changed when the
    access is not as it was `seen`. Who comes by a credential gives nothing beyond that: else an app that
    administers could raise itself.
    """
    require_administrator(actor, app.organization)
    app_access.check(app.organization, access)
    for one in (app.owner, actor) if actor.through else (app.owner,):
        app_access.check_scopes(one, app.organization, access)
    list(ConnectedApp.objects.select_for_update(no_key=True).filter(pk=app.pk))
    app.refresh_from_db(fields=["role", "scopes", "expires_at", "in_every_environment"])
    check_version(seen, app_version(app))
    before = access_facts(app)
    app_access.keep(app, access)
    _record(actor, Action.UPDATE, app, app.organization, before=before, after=access_facts(app))


@transaction.atomic
def renew_secret(actor: User, app: ConnectedApp) -> str:
    """A new secret, to be shown once; the old one and every token got with it stop working.

    The app acts for who renewed it from now on: else it would stop with an owner who leaves, and whoever
    administers its organization could use what its owner alone may do.
    """
    require_administrator(actor, app.organization)
    before = {"secret": "old", "owner": app.owner.get_username()}
    secret, app.owner = app.renew_secret(), actor
    app.save(update_fields=["secret_hash", "owner"])
    app.accesstoken_set.all().delete()
    after = {"secret": "new", "owner": actor.get_username()}
    _record(actor, Action.UPDATE, app, app.organization, before=before, after=after)
    return secret


@transaction.atomic
def delete_connected_app(actor: User, app: ConnectedApp) -> None:
    require_administrator(actor, app.organization)
    _record(actor, Action.DELETE, app, app.organization, before={"name": app.name})
    app.delete()


def require_whole_user(actor: User, user: User) -> Organization:
    """The organization to audit under; the actor must administer every one where the user has a role, or
    owns a client application, whose secrets whoever comes as the user may renew.
    """
    if user.is_superuser and not actor.reaches_everything:
        raise PermissionDenied(f"Only an administrator of everything may change {user}.")
    owns = Organization.objects.filter(owns_an_application(user)).values("pk")
    given = models.Q(pk__in=Role.objects.of(user).values("organization"))
    held = list(Organization.objects.filter(given | models.Q(pk__in=owns)))
    for organization in held:
        require_administrator(actor, organization)
    found = held[0] if held else Organization.objects.where(actor, Permission.ADMINISTER_ORGANIZATION).first()
    if found is None or not (held or actor.reaches_everything):
        raise PermissionDenied(f"{user} belongs to no organization that you administer.")
    return found


def _save(row: models.Model, check: Callable[[], None], **options: Any) -> None:
    """A name that another transaction took after the check is refused in the check's own words."""
    check()
    try:
        with transaction.atomic():
            row.save(**options)
    except IntegrityError:
        check()
        raise


def _check_group(organization: Organization) -> None:
    """One name stands for one business group of its parent."""
    if not (parent := organization.parent):
        return
    parent.lock()
    if parent.children.filter(name__iexact=organization.name).exclude(pk=organization.pk).exists():
        raise ValidationError(
            {
                "name": [
                    f"{parent} already has a business group called {organization.name}; choose another name."
                ]
            }
        )


def _clean_environment(environment: Environment) -> None:
    same = Environment.objects.filter(organization=environment.organization, name__iexact=environment.name)
    if same.exclude(pk=environment.pk).exists():
        message = (
            f"{environment.organization} already has an environment called {environment.name}; "
            "choose another name."
        )
        raise ValidationError({"name": [ValidationError(message, code="conflict")]})
    environment.full_clean()


def _held_by(environment: Environment) -> str:
    """ "2 gateways and 1 API", or nothing. Read through the relations: console knows no other app."""
    counted = (("gateways", "gateway"), ("api_instances", "API"), ("tls_contexts", "TLS context"))
    found = [(getattr(environment, relation).count(), noun) for relation, noun in counted]
    return " and ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in found if count)


def _record(
    actor: User,
    action: AuditEntry.Action,
    target: models.Model,
    organization: Organization,
    environment: Environment | None = None,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    record(
        actor,
        action,
        target,
        organization=organization,
        environment=environment,
        before=before,
        after=after,
    )
