"""Every change of a client application: the same functions serve pages and REST.

Each is atomic, takes who does it, raises ValidationError with `{field: [messages]}`, and writes the audit
entry. Who may: `apis.contracts.access`. What gateways know of the application is pushed anew.
"""

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404
from django.utils import timezone

from apis.changes import bookkeeping, granting, versions
from apis.contracts.models import Application, ClientSecret
from apis.rules.applications import problems
from apis.rules.problem import refuse
from console import audit
from console.digests import digest
from console.models import AuditEntry, Organization, User
from console.once import Sending, check_shown
from console.teams.models import Team
from console.versions import check as check_version

Action = AuditEntry.Action
LONGEST_OVERLAP = timedelta(days=90)
FIELDS = ("name", "description", "url", "redirect_uris", "grant_types", "expires_at")
OWNING = ("owners", "teams")
KNOWN_TO_GATEWAYS = ("name", "expires_at")
HINT_CHARACTERS = 4


@transaction.atomic
def create(
    actor: User,
    organization: Organization,
    *,
    name: str,
    description: str = "",
    url: str = "",
    redirect_uris: Iterable[str] = (),
    grant_types: Iterable[str] = (),
    owners: Iterable[User] = (),
    teams: Iterable[Team] = (),
    expires_at: datetime | None = None,
    sending: Sending | None = None,
) -> tuple[Application, str]:
    """The application and its secret, to be shown once. Without owners and teams the actor owns it.

    What the same `sending` made is not made again. Raises ValidationError where its secret was reset since.
    """
    organization.lock()
    application = Application(organization=organization, created_by=actor)
    secret = sending.secret("client secret") if sending else secrets.token_urlsafe(32)
    if sending:
        application.client_id = digest(sending.secret("client id"))
        if made := Application.objects.filter(client_id=application.client_id).first():
            if kept := made.secrets.filter(digest=digest(secret)).first():
                check_shown(kept.created_at)
                return made, secret
            raise ValidationError({"": ["This form made an application, whose secret was reset since."]})
    named = tuple(teams)
    given = _tidied(
        {
            "name": name,
            "description": description,
            "url": url,
            "redirect_uris": redirect_uris,
            "grant_types": grant_types,
            "expires_at": expires_at,
            "owners": tuple(owners) or (() if named else (actor,)),
            "teams": named,
        }
    )
    refuse(problems(actor, application, given, {}))
    _fill(application, given)
    _keep_secret(actor, application, secret)
    _record(actor, Action.CREATE, application, after=_facts(application))
    return application, secret


@transaction.atomic
def update(actor: User, application: Application, *, seen: str = "", **fields: Any) -> Application:
    """Only what is given: of FIELDS, `owners` and `teams`. Raises Changed when it is not as it was `seen`."""
    _lock(application)
    check_version(seen, versions.of_application(application))
    before = _facts(application)
    now = {name: getattr(application, name) for name in FIELDS}
    given = _tidied(fields)
    refuse(problems(actor, application, given, now))
    _fill(application, given)
    if any(given.get(name, now[name]) != now[name] for name in KNOWN_TO_GATEWAYS):
        granting.changed_all(application.contracts.all())
    _record(actor, Action.UPDATE, application, before=before, after=_facts(application))
    return application


@transaction.atomic
def reset_secret(
    actor: User,
    application: Application,
    *,
    overlap: timedelta = timedelta(),
    sending: Sending | None = None,
) -> str:
    """A new secret, to be shown once. The one before works on until the overlap is over; one that is older
    still ends at once. The same `sending` resets once.
    """
    _lock(application)
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise ValidationError({"overlap": [f"Write from 0 to {LONGEST_OVERLAP.days} days."]})
    secret = sending.secret("client secret") if sending else secrets.token_urlsafe(32)
    now = timezone.now()
    newest = application.secrets.first()
    if newest and newest.digest == digest(secret):
        check_shown(newest.created_at)
        return secret
    until = _until(newest, now + overlap) if newest and overlap else None
    if newest and until and until > now:
        application.secrets.exclude(pk=newest.pk).delete()
        application.secrets.filter(pk=newest.pk).update(expires_at=until)
    else:
        application.secrets.all().delete()
        until = None
    made = _keep_secret(actor, application, secret)
    granting.changed_all(application.contracts.all())
    before = {"secret": f"…{newest.hint}"} if newest else {}
    after = {"secret": f"…{made.hint}", "old_secret_works_until": until.isoformat() if until else None}
    _record(actor, Action.UPDATE, application, before=before, after=after)
    return secret


@transaction.atomic
def end_old_secret(actor: User, application: Application) -> None:
    """Only the newest works from now on. Harmless on repeat."""
    _lock(application)
    newest = application.secrets.first()
    if newest is None:
        return
    old = application.secrets.exclude(pk=newest.pk)
    hints = [one.hint for one in old]
    if not hints:
        return
    old.delete()
    granting.changed_all(application.contracts.all())
    before = {"old_secret": ", ".join(f"…{hint}" for hint in hints)}
    _record(actor, Action.UPDATE, application, before=before, after={"old_secret": None})


@transaction.atomic
def delete(actor: User, application: Application) -> None:
    """With its contracts: it calls no API any more."""
    _lock(application)
    granting.changed_all(application.contracts.all())
    contracts = [
        f"{one.api} ({one.get_status_display()})"
        for one in application.contracts.select_related("api__asset").order_by("pk")[:50]
    ]
    _record(actor, Action.DELETE, application, before=_facts(application) | {"contracts": contracts})
    application.delete()


def _lock(application: Application) -> None:
    """As it is now. Raises Http404 when it was deleted meanwhile: saving it would bring it back."""
    row = Application.objects.order_by().select_for_update(no_key=True).filter(pk=application.pk).first()
    if row is None:
        raise Http404(f"Application {application.pk} not found.")
    bookkeeping.take(application, row)


def _until(secret: ClientSecret, wanted: datetime) -> datetime:
    """A secret that would end earlier is not given more time."""
    return min(secret.expires_at or wanted, wanted)


def _keep_secret(actor: User, application: Application, secret: str) -> ClientSecret:
    return ClientSecret.objects.create(
        application=application, digest=digest(secret), hint=secret[-HINT_CHARACTERS:], created_by=actor
    )


def _tidied(given: Mapping[str, Any]) -> dict[str, Any]:
    """Texts without spaces around them, lists without empty or second ones."""
    known = {*FIELDS, *OWNING}
    if strange := given.keys() - known:
        raise TypeError(f"no fields of an application: {', '.join(sorted(strange))}")
    tidy: dict[str, Any] = dict(given)
    for name in ("name", "description", "url"):
        if name in tidy:
            tidy[name] = tidy[name].strip()
    for name in ("redirect_uris", "grant_types"):
        if name in tidy:
            tidy[name] = [*dict.fromkeys(one.strip() for one in tidy[name] if one.strip())]
    for name in OWNING:
        if name in tidy:
            tidy[name] = [*{one.pk: one for one in tidy[name]}.values()]
    return tidy


def _fill(application: Application, given: Mapping[str, Any]) -> None:
    for name in FIELDS:
        if name in given:
            setattr(application, name, given[name])
    application.save()
    if "owners" in given:
        application.owners.set(given["owners"])
    if "teams" in given:
        application.teams.set(given["teams"])


def _facts(application: Application) -> dict[str, Any]:
    """What the audit compares of an application."""
    return {
        "name": application.name,
        "description": application.description,
        "url": application.url,
        "redirect_uris": list(application.redirect_uris),
        "grant_types": list(application.grant_types),
        "owners": [user.get_username() for user in application.owners.order_by("username")],
        "teams": [str(team) for team in application.teams.order_by("name", "pk")],
        "expires_at": application.expires_at.isoformat() if application.expires_at else None,
    }


def _record(actor: User, action: AuditEntry.Action, application: Application, **states: Any) -> None:
    audit.record(actor, action, application, organization=application.organization, **states)
