"""Every change of a keystore that comes from an ACME CA: asked for, obtained, renewed, given up.

A CA proves that names are ours by HTTP-01: it asks for a token at port 80 of each name. All plain ports of
the environment's gateways answer, so any that port 80 leads to will do; no policy is in the way.
"""

import logging
import time
import zlib
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.http import Http404
from django.utils import timezone

from apis import certificates
from apis.changes import bookkeeping, secrets
from apis.changes.secret_groups import lock_group
from apis.changes.secret_uses import lock_users
from apis.deployment import push
from apis.deployment.alone import CERTIFICATES, alone
from apis.rules.secret_names import name_faults
from apis.secret_groups import acme_client
from apis.secret_groups.acme import AcmeSource
from apis.secret_groups.acme_client import CertificateOrder, CertificateRefused
from apis.secret_groups.models import Secret, SecretGroup
from apis.secret_groups.reading.uploaded import UploadedSecret
from console import audit
from console.models import AuditEntry, Environment, User
from gateways.models import Ack, Gateway

logger = logging.getLogger(__name__)
State = AcmeSource.State
MOST = 200
"""Of an environment."""
MOST_NAMES = 50
CLAIM = timedelta(minutes=10)
"""After which it is begun again, where a worker died."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=5), timedelta(hours=12)
FAULT = "The console failed at it, and its log says how; it is tried again."
SEEN_SECONDS = 15
"""How long gateways may take to say that they answer: then the CA is asked to look."""


@transaction.atomic
def ask(
    actor: User,
    group: SecretGroup,
    name: str,
    directory: str,
    names: Sequence[str],
    *,
    email: str = "",
    eab_kid: str = "",
    eab_key: str = "",
) -> AcmeSource:
    """Have a keystore of this name obtained: a worker begins within a minute. Raises ValidationError."""
    lock_users(group.environment)
    lock_group(group)
    given = [one.strip().lower() for one in names if one.strip()]
    is_half_bound = bool(eab_kid) != bool(eab_key)
    _check(group, name.strip(), directory, given, email=email, is_half_bound=is_half_bound)
    made = AcmeSource.objects.create(
        environment=group.environment,
        group=group,
        name=name.strip(),
        directory=directory,
        email=email,
        names=given,
        eab_kid=eab_kid,
        eab_key=eab_key,
        account={"key": acme_client.new_key()},
        next_try_at=timezone.now(),
        created_by=actor,
    )
    facts = {"name": made.name, "directory": directory, "names": given, "email": email}
    _record(actor, AuditEntry.Action.CREATE, made, after=facts)
    return made


@transaction.atomic
def try_now(actor: User, source: AcmeSource) -> None:
    """At once, whatever pause it was in."""
    found = _locked(source)
    if found.state == State.WORKING:
        raise ValidationError({"": [ValidationError("It is being asked for already.", code="conflict")]})
    found.next_try_at, found.state = timezone.now(), State.WAITING
    found.save(update_fields=["next_try_at", "state", "updated_at"])
    _record(actor, AuditEntry.Action.UPDATE, found, after={"tried": "again, by hand"})


@transaction.atomic
def give_up(actor: User, source: AcmeSource) -> None:
    """Its keystore stays as it is, and is renewed no more."""
    found = _locked(source)
    _record(actor, AuditEntry.Action.DELETE, found, before={"name": found.name, "names": found.names})
    found.delete()


def work() -> int:
    """Obtain and renew what is due; how many were tried. Safe to run twice at once: one worker at a time asks
    a CA, so that a slow one keeps neither another's certificates nor all the workers.
    """
    tried = 0
    due = AcmeSource.objects.filter(next_try_at__lte=timezone.now()).order_by()
    for directory in due.values_list("directory", flat=True).distinct():
        with alone(CERTIFICATES, zlib.crc32(directory.encode())) as is_ours:
            while is_ours and tried < MOST and (source := _claimed(directory)) is not None:
                _try(source)
                tried += 1
    return tried


def _try(source: AcmeSource) -> None:
    wanted = CertificateOrder(
        source.directory, source.names, source.email, source.eab_kid, str(source.eab_key or "")
    )
    try:
        if not is_allowed(source.directory):
            raise CertificateRefused(
                f"{source.directory} is not one of GATEWRIGHT_ACME_DIRECTORIES any more."
            )
        asking = acme_client.Applicant(
            source.account, partial(_serve, source), partial(_keep_account, source)
        )
        chain, key = acme_client.obtain(wanted, asking)
        asked = UploadedSecret("keystore", "PEM", {"certificate": chain.encode(), "key": key.encode()})
        material = secrets.read(asked)
        _keep(source, material)
    except (CertificateRefused, ValidationError, Http404) as error:
        words = " ".join(getattr(error, "messages", [str(error)]))
        logger.warning("certificate was not obtained source=%s error=%r", source.pk, words)
        _failed(source, words)
    except Exception:
        logger.exception("certificate was not obtained source=%s", source.pk)
        _failed(source, FAULT)
    finally:
        _serve(source, [])


@transaction.atomic
def _claimed(directory: str) -> AcmeSource | None:
    """One of this CA that is due, taken for a while: who dies at it keeps it no longer."""
    due = AcmeSource.objects.filter(directory=directory).select_for_update(skip_locked=True, of=("self",))
    found = due.filter(next_try_at__lte=timezone.now()).order_by("next_try_at").first()
    if found is not None:
        found.state, found.next_try_at = State.WORKING, timezone.now() + CLAIM
        found.save(update_fields=["state", "next_try_at", "updated_at"])
    return found


def _serve(source: AcmeSource, challenges: list[list[str]]) -> None:
    """Have every gateway of the environment answer with these, and wait for those that say so."""
    if not challenges and not AcmeSource.objects.filter(pk=source.pk).exclude(challenges=[]).exists():
        return
    with transaction.atomic():
        gateways = list(source.environment.gateways.all())
        bookkeeping.lock(*gateways)
        AcmeSource.objects.filter(pk=source.pk).update(challenges=challenges)
        for gateway in gateways:
            bookkeeping.bump_gateway(gateway)
    for gateway in gateways:
        push.push(gateway.pk)
    if challenges:
        _wait_for(gateways)


def _wait_for(gateways: Sequence[Gateway]) -> None:
    """Until those that are connected run what is wanted, or for some seconds."""
    wanted = dict(Gateway.objects.filter(pk__in=[one.pk for one in gateways]).values_list("pk", "generation"))
    limit = time.monotonic() + SEEN_SECONDS
    while time.monotonic() < limit:
        acks = Ack.objects.filter(deployment__gateway__in=wanted, applied=True)
        seen = set(acks.values_list("deployment__gateway", "deployment__generation"))
        if all((pk, generation) in seen for pk, generation in wanted.items()):
            return
        time.sleep(0.25)


def _keep_account(source: AcmeSource, account: acme_client.Account) -> None:
    AcmeSource.objects.filter(pk=source.pk).update(account=account)


@transaction.atomic
def _keep(source: AcmeSource, material: secrets.Material) -> None:
    lock_users(source.environment)
    found = _locked(source)
    found.group.environment = source.environment
    if found.keystore is None:
        kind, actor = Secret.Kind.KEYSTORE, found.created_by
        found.keystore = secrets.create_secret(actor, found.group, kind, found.name, material)
    else:
        found.keystore.group.environment = source.environment
        secrets.edit_secret(None, found.keystore, material=material)
    facts = certificates.read(material.content["certificate"])
    found.state, found.trouble, found.attempts = State.VALID, "", 0
    # By a clock that is wrong, or with a life of minutes, it is due as soon as it comes.
    due = facts.expires_at - (facts.expires_at - facts.starts_at) / 3
    found.next_try_at = max(due, timezone.now() + FIRST_PAUSE)
    found.save()


@transaction.atomic
def _failed(source: AcmeSource, words: str) -> None:
    found = AcmeSource.objects.select_for_update(of=("self",)).filter(pk=source.pk).first()
    if found is None:
        return
    found.attempts += 1
    pause = min(FIRST_PAUSE * 2 ** min(found.attempts - 1, 10), LONGEST_PAUSE)
    found.state, found.trouble, found.next_try_at = State.FAILED, words[:1000], timezone.now() + pause
    found.save(update_fields=["attempts", "state", "trouble", "next_try_at", "updated_at"])


def is_allowed(directory: str) -> bool:
    """The console asks no address that its administrator does not name."""
    return directory in settings.ACME_DIRECTORIES


def _check(
    group: SecretGroup, name: str, directory: str, names: Sequence[str], *, email: str, is_half_bound: bool
) -> None:
    found: dict[str, list[str]] = {}
    if faults := name_faults(name, "keystore"):
        found["name"] = faults
    elif (
        group.secrets.filter(kind=Secret.Kind.KEYSTORE, name=name).exists()
        or group.acme_sources.filter(name=name, keystore=None).exists()
    ):
        found["name"] = [f'"{name}" is the name of another keystore of {group}; choose another.']
    if not is_allowed(directory):
        found["directory"] = [f"{directory[:200]} is not one of GATEWRIGHT_ACME_DIRECTORIES of this console."]
    if not names:
        found["names"] = ["Write at least one name, such as api.example.com."]
    elif len(names) > MOST_NAMES:
        found["names"] = [f"{len(names)} names; at most {MOST_NAMES} are allowed."]
    for one in names[:MOST_NAMES]:
        if reason := _name_fault(one):
            found["names"] = [reason]
    if email:
        try:
            validate_email(email)
        except ValidationError:
            found["email"] = [f'"{email[:100]}" is not an e-mail address.']
    if is_half_bound:
        found["eab_key"] = ["An account is bound by its key ID and its key: give both, or none."]
    if group.environment.acme_sources.count() >= MOST:
        found[""] = [f"{group.environment} asks for {MOST} certificates, and has room for no more."]
    if found:
        raise ValidationError(found)


def _name_fault(name: str) -> str:
    if name.startswith("*."):
        return f"{name} is a wildcard, which no CA gives by HTTP-01; write each name."
    try:
        certificates.general_name(name)
    except ValueError:
        return f'"{name[:80]}" is not a host name.'
    is_name = "." in name and not name.replace(".", "").isdigit() and ":" not in name
    return "" if is_name else f"{name} is no name that a public CA could ask for."


def _locked(source: AcmeSource) -> AcmeSource:
    """Raises Http404 when it was given up meanwhile."""
    found = AcmeSource.objects.select_for_update(of=("self",)).filter(pk=source.pk).first()
    if found is None:
        raise Http404(f"ACME source {source.pk} not found.")
    return found


def _record(actor: User | None, action: AuditEntry.Action, source: AcmeSource, **facts: object) -> None:
    where: Environment = source.environment
    audit.record(
        actor,
        action,
        source,
        organization=where.organization,
        environment=where,
        **facts,  # type: ignore[arg-type]
    )
