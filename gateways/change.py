"""The rules for changing gateways: tokens, registration, revoking, deleting, forgetting replicas.

Each function is atomic and writes its audit entry. A user's mistake raises ValidationError by field.
"""

import secrets
from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import Http404
from django.utils import timezone
from redis import RedisError

from console import audit
from console.digests import digest
from console.models import AuditEntry, Environment, User
from console.named import few
from console.once import Sending, check_shown
from gateways.agents import outbox
from gateways.models import NAME, Gateway, RegistrationToken, Replica
from gateways.protocol.messages import RegistrationRequest
from gateways.protocol.trust import is_public_key

NAME_RULE = "Use 3 to 42 lower-case letters, digits and hyphens, starting with a letter and ending with none."


class UnusableToken(Exception):
    """The registration token is unknown, expired or used; the text says which and what to do."""


def check_name(environment: Environment, name: str) -> None:
    """Raises ValidationError for `name` when no gateway of this name can be registered here."""
    if not name:
        raise ValidationError({"name": ["Give the gateway a name."]})
    if not NAME.match(name):
        raise ValidationError({"name": [f'"{name}" cannot be a name. {NAME_RULE}']})
    if Gateway.objects.filter(environment=environment, name=name).exists():
        raise ValidationError(
            {
                "name": [
                    f'A gateway "{name}" exists in {environment}. Choose another name, or delete that one.'
                ]
            }
        )


@transaction.atomic
def issue_token(
    actor: User,
    environment: Environment,
    name: str = "",
    platform: str = Gateway.Platform.LINUX,
    sending: Sending | None = None,
) -> tuple[RegistrationToken, str]:
    """A one-time registration token: its row, and the text that is shown once and stored nowhere.

    The same `sending` gets the same one.
    """
    environment.lock()
    text = sending.secret("registration token") if sending else secrets.token_urlsafe(32)
    if made := RegistrationToken.objects.filter(token_hash=digest(text), environment=environment).first():
        check_shown(made.created_at)
        return made, text
    if name:
        check_name(environment, name)
    token = RegistrationToken.objects.create(
        token_hash=digest(text),
        environment=environment,
        gateway_name=name,
        platform=platform,
        created_by=actor,
        expires_at=timezone.now() + RegistrationToken.LIFETIME,
    )
    audit.record(
        actor,
        AuditEntry.Action.CREATE,
        token,
        organization=environment.organization,
        environment=environment,
        after={"gateway": name, "platform": platform, "expires_at": token.expires_at.isoformat()},
    )
    return token, text


@transaction.atomic
def register(request: RegistrationRequest) -> Gateway:
    """The gateway that a token was issued for; uses the token up. Raises UnusableToken, ValidationError."""
    token = _usable(request.token)
    environment = token.environment
    _check_scope(request, environment)
    if not is_public_key(request.public_key):
        raise ValidationError({"public_key": ["This is not an Ed25519 public key in PEM."]})
    name = request.name or token.gateway_name
    check_name(environment, name)
    try:
        with transaction.atomic():
            gateway = Gateway.objects.create(
                environment=environment, name=name, platform=token.platform, public_key=request.public_key
            )
    except IntegrityError:
        check_name(environment, name)
        raise
    token.used_at, token.gateway = timezone.now(), gateway
    token.save(update_fields=["used_at", "gateway"])
    _record(
        token.created_by,
        AuditEntry.Action.CREATE,
        gateway,
        after={"name": name, "platform": token.platform, "connected": request.connected},
    )
    return gateway


@transaction.atomic
def revoke(actor: User, gateway: Gateway) -> None:
    """Its registration works no more; its replicas go on serving what they run, unmanaged."""
    if gateway.is_revoked:
        return
    gateway.is_revoked = True
    gateway.save(update_fields=["is_revoked", "updated_at"])
    _record(actor, AuditEntry.Action.UPDATE, gateway, before={"revoked": False}, after={"revoked": True})
    transaction.on_commit(partial(_end_streams, gateway.pk))


@transaction.atomic
def delete(actor: User, gateway: Gateway) -> None:
    """Raises ValidationError while APIs exist on it: they are moved or deleted first."""
    gateway = Gateway.objects.select_for_update().get(pk=gateway.pk)
    apis = list(gateway.api_instances.all()[:4])
    if apis:
        names = few(apis)
        raise ValidationError(
            {
                "gateway": [
                    f'"{gateway}" still has APIs: {names}. Move them to another gateway or delete them first.'
                ]
            }
        )
    _record(
        actor,
        AuditEntry.Action.DELETE,
        gateway,
        before={"name": gateway.name, "platform": gateway.platform},
    )
    transaction.on_commit(partial(_end_streams, gateway.pk))
    gateway.delete()


@transaction.atomic
def forget_replica(actor: User, replica: Replica) -> None:
    """Nobody waits for it any more. One that reports again is known again.

    Raises ValidationError while it is connected: stop it first.
    """
    replica = Replica.objects.select_for_update(of=("self",)).select_related("gateway").get(pk=replica.pk)
    if replica.is_connected:
        raise ValidationError(
            {"replica": [f'"{replica}" is connected: it would be back within seconds. Stop it first.']}
        )
    known = {"replica": f"{replica} {replica.pk}", "generation": replica.generation}
    _record(actor, AuditEntry.Action.UPDATE, replica.gateway, before=known)
    replica.delete()


def _end_streams(gateway_id: UUID) -> None:
    """Now; without Valkey the link processes find out within seconds."""
    with suppress(RedisError):
        outbox.tell_revoked(gateway_id)


def _usable(text: str) -> RegistrationToken:
    """Locks the environment before its token: in that order they are deleted."""
    known = RegistrationToken.objects.filter(token_hash=digest(text))
    for environment in Environment.objects.filter(registration_tokens__in=known):
        with suppress(Http404):
            environment.lock()
    token = (
        known.select_for_update(of=("self",))
        .select_related("environment__organization", "created_by")
        .first()
    )
    if token is None:
        raise UnusableToken("The registration token is unknown. Copy it whole from the Add gateway page.")
    if token.used_at:
        raise UnusableToken(
            "The registration token was used already: each registers one gateway. Make a new one on the Add "
            "gateway page; to start another replica, copy the registration.yaml instead."
        )
    if token.expires_at <= timezone.now():
        raise UnusableToken(
            f"The registration token expired at {token.expires_at:%Y-%m-%d %H:%M} UTC. "
            "Make a new one on the Add gateway page."
        )
    return token


def _check_scope(request: RegistrationRequest, environment: Environment) -> None:
    asked = {
        "organization": (request.organization, environment.organization_id),
        "environment": (request.environment, environment.pk),
    }
    for field, (given, expected) in asked.items():
        if given and given != str(expected):
            raise ValidationError({field: [f'The token is for the {field} {expected}, not "{given}".']})


def _record(actor: User | None, action: AuditEntry.Action, gateway: Gateway, **states: Any) -> None:
    audit.record(
        actor,
        action,
        gateway,
        organization=gateway.environment.organization,
        environment=gateway.environment,
        **states,
    )
