"""Destinations: made, changed, tried and deleted by whoever may change things where they are."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone

from console import audit, guarded, once
from console.models import AuditEntry, Environment, Organization, User
from console.notices import apprise_process, signing
from console.notices.models import Delivery, Destination
from console.notices.telling import send_to
from console.notices.uses import uses
from console.permissions import Permission
from console.versions import check, version

MOST = 200
"""In one environment, or of one organization."""
URL_MOST = 2000
Action = AuditEntry.Action
Type = Destination.Type


@dataclass(frozen=True)
class DestinationScope:
    """Where a destination is: in an environment, or of an organization and all below it."""

    organization: Organization
    environment: Environment | None = None

    def require_editor(self, user: User) -> None:
        """Raises PermissionDenied."""
        if self.environment:
            may = self.environment.permits(user, Permission.MANAGE_ALERTS)
        else:
            may = (
                Organization.objects.where(user, Permission.MANAGE_ALERTS)
                .filter(pk=self.organization.pk)
                .exists()
            )
        if not may:
            raise PermissionDenied("This needs the permission Manage alerts there.")


def scope_of(destination: Destination) -> DestinationScope:
    return DestinationScope(destination.organization, destination.environment)


@transaction.atomic
def create(
    actor: User,
    place: DestinationScope,
    *,
    name: str,
    kind: str,
    url: str,
    sending: once.Sending | None = None,
) -> Destination:
    """A webhook's secret is in the row, to be shown once. Raises PermissionDenied, ValidationError."""
    place.require_editor(actor)
    hint = _hint(kind, url)
    place.organization.lock()
    secret = signing.new_secret(sending.secret("destination") if sending else "")
    rows = Destination.objects.filter(organization=place.organization, environment=place.environment)
    made = rows.filter(name=name).first() if sending else None
    if made is not None and made.secret == secret:
        once.check_shown(made.created_at)
        return made
    if rows.count() >= MOST:
        raise ValidationError(f"There are {MOST} destinations already; delete one first.")
    destination = Destination(
        name=name,
        type=kind,
        organization=place.organization,
        environment=place.environment,
        url=url,
        hint=hint,
        secret=secret,
    )
    _save(destination)
    _record(actor, Action.CREATE, destination, after=facts(destination))
    return destination


@transaction.atomic
def change(actor: User, destination: Destination, name: str, url: str, *, seen: str = "") -> None:
    """An empty `url` keeps the one that is there. Raises Changed, PermissionDenied, ValidationError."""
    scope_of(destination).require_editor(actor)
    row = Destination.objects.select_for_update(of=("self",)).get(pk=destination.pk)
    check(seen, seen_of(row))
    before = facts(row)
    row.name = name
    after: dict[str, Any] = {}
    if url and url != row.url:
        row.hint, row.url = _hint(row.type, url), url
        after = {"url": audit.HIDDEN}
    _save(row)
    _record(actor, Action.UPDATE, row, before=before, after=facts(row) | after)


@transaction.atomic
def renew_secret(actor: User, destination: Destination, sending: once.Sending | None = None) -> str:
    """The webhook's new secret, to be shown once; from now on it signs."""
    scope_of(destination).require_editor(actor)
    if destination.type != Type.WEBHOOK:
        raise ValidationError("Only webhooks are signed.")
    row = Destination.objects.select_for_update(of=("self",)).get(pk=destination.pk)
    secret = signing.new_secret(sending.secret(f"destination {row.pk}") if sending else "")
    if row.secret != secret:
        row.secret = secret
        row.save(update_fields=["secret", "updated_at"])
        _record(actor, Action.UPDATE, row, after={"secret": audit.HIDDEN})
    once.check_shown(row.updated_at)
    return secret


@transaction.atomic
def delete(actor: User, destination: Destination) -> None:
    """With it goes what waits to be sent to it. Raises ValidationError while something uses it."""
    scope_of(destination).require_editor(actor)
    used = uses([destination.pk]).get(destination.pk, [])
    if used:
        words = ", ".join(one.words for one in used[:5])
        raise ValidationError(f"{destination} is used by {words}; choose another one there first.")
    _record(actor, Action.DELETE, destination, before=facts(destination))
    destination.delete()


@transaction.atomic
def send_test(actor: User, destination: Destination) -> Delivery:
    """Tried once. What was answered is in the row then."""
    scope_of(destination).require_editor(actor)
    list(Destination.objects.select_for_update(of=("self",)).filter(pk=destination.pk))
    waiting = destination.deliveries.waiting().filter(kind="test").first()
    if waiting:
        return waiting
    text = f"{actor} tried whether what Gatewright has to tell arrives here. It does."
    delivery = send_to(destination, "Test of a destination", text, {"test": True}, kind="test")
    Delivery.objects.filter(pk=delivery.pk).update(gives_up_at=timezone.now())
    return delivery


def facts(destination: Destination) -> dict[str, Any]:
    return {"name": destination.name, "type": destination.type, "service": destination.hint}


def seen_of(destination: Destination) -> str:
    return version(facts(destination) | {"url": destination.url})


def _save(destination: Destination) -> None:
    try:
        destination.full_clean()
    except ValidationError as error:
        if hasattr(error, "error_dict") and "__all__" in error.error_dict:
            raise ValidationError({"name": "A destination of this name is there already."}) from None
        raise
    destination.save()


def _hint(kind: str, url: str) -> str:
    """What may be shown of the URL. Raises ValidationError where it is none."""
    if len(url) > URL_MOST or any(one.isspace() or not one.isprintable() for one in url):
        raise ValidationError({"url": f"A URL has no spaces, and at most {URL_MOST} characters."})
    if kind == Type.APPRISE:
        checked = apprise_process.check(url)
        if checked.fault:
            raise ValidationError({"url": checked.fault})
        return checked.service[:120]
    return _host(url)


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or parts.scheme not in ("http", "https"):
        raise ValidationError({"url": "Write a URL like https://hooks.example.com/gatewright."})
    try:
        is_permitted = guarded.is_permitted(str(ip_address(host)), settings.DESTINATION_NETWORKS)
    except ValueError:
        return host[:120]
    if not is_permitted:
        raise ValidationError({"url": f"{guarded.refusal(host)}."})
    return host[:120]


def _record(actor: User, action: AuditEntry.Action, destination: Destination, **sides: Any) -> None:
    audit.record(
        actor,
        action,
        destination,
        organization=destination.organization,
        environment=destination.environment,
        **sides,
    )
