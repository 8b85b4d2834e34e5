"""Every change of a TLS context: the same functions serve pages and REST.

Each is atomic, takes who does it, raises ValidationError with `{field: [messages]}`, and writes the
audit entry. What runs with the context is pushed anew.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import Http404

from apis import certificates
from apis.changes import bookkeeping, versions
from apis.models import ApiInstance, TlsContext
from apis.revision import Brought
from apis.rules.problem import Problem, refuse
from apis.secret_groups.models import Secret, SecretGroup, default_group
from console import audit
from console.models import AuditEntry, Environment, User
from console.named import few
from console.versions import check as check_version
from gateways.protocol import tls
from gateways.protocol.faults import did_you_mean

ALPN = tls.ALPN
MOST_PEM = certificates.MOST_CHARACTERS
"""The most characters of a PEM text: room for a long chain."""


@dataclass(frozen=True)
class DesiredTlsContext:
    """Certificates and key are PEM; an empty `key` means the one that `certificate` holds beside itself, else
    the stored one. Without a certificate a context can only trust. What a keystore or a truststore holds
    stands before what is given as PEM. Without a group it is in the environment's own.
    """

    name: str
    certificate: str = ""
    key: str = ""
    trusted_ca: str = ""
    skips_validation: bool = False
    requires_client_certificate: bool = False
    min_version: str = TlsContext.Version.TLS_1_2
    max_version: str = TlsContext.Version.TLS_1_3
    alpn: tuple[str, ...] = ALPN
    ciphers: tuple[str, ...] = ()
    group: SecretGroup | None = None
    keystore: Secret | None = None
    truststore: Secret | None = None


FIELDS = (
    "name",
    "keystore",
    "truststore",
    "certificate",
    "trusted_ca",
    "skips_validation",
    "requires_client_certificate",
    "min_version",
    "max_version",
    "alpn",
    "ciphers",
)


def desired_of(context: TlsContext) -> DesiredTlsContext:
    """What would save the context as it is, but for the key, which never comes back."""
    given = {name: getattr(context, name) for name in FIELDS}
    return DesiredTlsContext(**given | {"alpn": tuple(context.alpn), "ciphers": tuple(context.ciphers)})


@transaction.atomic
def create_tls_context(actor: User, environment: Environment, desired: DesiredTlsContext) -> TlsContext:
    environment.organization.lock()
    environment.lock()
    group = desired.group or default_group(environment)
    context = TlsContext(environment=environment, group=group, created_by=actor)
    _fill(context, desired)
    context.save()
    _record(actor, AuditEntry.Action.CREATE, context, after=_facts(context))
    return context


@transaction.atomic
def edit_tls_context(
    actor: User, context: TlsContext, desired: DesiredTlsContext, *, seen: str = ""
) -> TlsContext:
    """Make the context as desired, on every gateway where an API uses it. Raises Changed when it is
    not as it was `seen`.
    """
    lock_tls_context(context)
    check_version(seen, versions.of_tls_context(context))
    before = _facts(context)
    _fill(context, desired)
    context.save()
    after = _facts(context)
    if {**after, "name": ""} != {**before, "name": ""}:
        bookkeeping.bump_all(ApiInstance.objects.with_tls(context).deployed())
    entry = _record(actor, AuditEntry.Action.UPDATE, context, before=before, after=after)
    if entry:
        users = ApiInstance.objects.with_tls(context)
        bookkeeping.explain_shared(Brought.objects.filter(api__in=users), entry)
    return context


@transaction.atomic
def delete_tls_context(actor: User, context: TlsContext) -> None:
    """Refused while an API has it, deployed or not."""
    lock_tls_context(context)
    users = list(ApiInstance.objects.with_tls(context).select_related("asset")[:4])
    if users:
        message = f"TLS context {context} is used by {few(users)}; give them another one first."
        raise ValidationError({"": [ValidationError(message, code="conflict")]})
    _record(actor, AuditEntry.Action.DELETE, context, before=_facts(context))
    context.delete()


def follow_stores(context: TlsContext, store: Secret) -> None:
    """The context with what its stores hold now, of which `store` is one; all is locked. Raises
    ValidationError where it could not be served with.
    """
    stores = {store.pk: store}
    for name in ("keystore", "truststore"):
        if known := stores.get(getattr(context, f"{name}_id")):
            setattr(context, name, known)
    try:
        _fill(context, desired_of(context))
    except ValidationError as error:
        raise ValidationError({"": [f"TLS context {context}: {text}" for text in error.messages]}) from error
    context.save()


def ending(environment: Environment) -> list[TlsContext]:
    """Those that deployed APIs use and whose certificates must be renewed, the most urgent first."""
    found = [(one.facts, one) for one in environment.tls_contexts.in_use()]
    due = [(facts.expires_at, one) for facts, one in found if facts and not facts.lasts]
    return [one for _, one in sorted(due, key=lambda pair: pair[0])]


def lock_tls_context(context: TlsContext) -> None:
    """The context as it is now, while no API of its environment can begin or cease to use it.

    Raises Http404 when it was deleted meanwhile: saving it would bring it back.
    """
    bookkeeping.lock(*context.environment.gateways.all())
    context.environment.organization.lock()
    try:
        context.refresh_from_db()
    except TlsContext.DoesNotExist as gone:
        raise Http404(f"TLS context {context.pk} not found.") from gone


def _fill(context: TlsContext, desired: DesiredTlsContext) -> None:
    """Raises ValidationError with all that is wrong."""
    tidy = _tidied(desired, str(context.key or ""))
    refuse(_named_by_stores(desired, _problems(context, tidy)))
    for name in (*FIELDS, "key"):
        setattr(context, name, getattr(tidy, name))
    context.alpn, context.ciphers = list(tidy.alpn), list(tidy.ciphers)


def _tidied(desired: DesiredTlsContext, stored: str) -> DesiredTlsContext:
    """Certificates and key each in its own field, also when both came in one text."""
    given = desired.key.strip() or (
        desired.certificate if certificates.holds_key(desired.certificate) else ""
    )
    if desired.keystore:
        held = desired.keystore.content
        desired = replace(desired, certificate=held["certificate"], key=held["key"])
        given = desired.key
    if desired.truststore:
        desired = replace(desired, trusted_ca=desired.truststore.content["trusted_ca"])
    return replace(
        desired,
        name=desired.name.strip(),
        certificate=certificates.chain(desired.certificate),
        key=certificates.private_key(given) or (stored if desired.certificate.strip() else ""),
        trusted_ca=certificates.chain(desired.trusted_ca),
    )


def _named_by_stores(desired: DesiredTlsContext, problems: Iterator[Problem]) -> Iterator[Problem]:
    """What is wrong with what a store holds is told of the store."""
    names = {"certificate": "keystore", "key": "keystore"} if desired.keystore else {}
    names |= {"trusted_ca": "truststore"} if desired.truststore else {}
    for one in problems:
        yield replace(one, field=names.get(one.field, one.field))


def _problems(context: TlsContext, desired: DesiredTlsContext) -> Iterator[Problem]:
    yield from _name(context, desired.name)
    yield from _stores(context, desired)
    if desired.certificate or desired.key or not (desired.trusted_ca or desired.skips_validation):
        yield from _pair(context, desired)
    yield from _trusted(desired)
    yield from _in_use(context, desired)
    for field in ("min_version", "max_version"):
        if (version := getattr(desired, field)) not in TlsContext.Version.values:
            known = ", ".join(TlsContext.Version.values)
            yield Problem(field, f'"{version}" is not a version of TLS; one of {known}.')
    if desired.max_version < desired.min_version:
        yield Problem(
            "max_version", f"TLS {desired.max_version} is older than the oldest, {desired.min_version}."
        )
    if unknown := next((name for name in desired.alpn if name not in ALPN), None):
        yield Problem("alpn", f'"{unknown}" is not a protocol of the gateway; use {" and ".join(ALPN)}.')
    if unknown := next((name for name in desired.ciphers if name not in tls.CIPHERS), None):
        yield Problem("ciphers", f'"{unknown}" is not a cipher suite{did_you_mean(unknown, tls.CIPHERS)}.')


def _name(context: TlsContext, name: str) -> Iterator[Problem]:
    if not name:
        yield Problem("name", "Give the TLS context a name.")
    elif len(name) > 120:
        yield Problem("name", "The name is longer than 120 characters.")
    elif context.environment.tls_contexts.filter(name=name).exclude(pk=context.pk).exists():
        message = f'"{name}" is the name of another TLS context of {context.environment}; choose another.'
        yield Problem("name", message, "conflict")


def _stores(context: TlsContext, desired: DesiredTlsContext) -> Iterator[Problem]:
    for field in ("keystore", "truststore"):
        store: Secret | None = getattr(desired, field)
        if store and (store.kind != field or store.group.environment_id != context.environment_id):
            yield Problem(field, f"{store} is no {field} of {context.environment}.")


def _pair(context: TlsContext, desired: DesiredTlsContext) -> Iterator[Problem]:
    missing = False
    for field, words in (("certificate", "certificate"), ("key", "private key")):
        if not (text := getattr(desired, field)):
            missing = True
            yield Problem(field, f"Paste the {words} as PEM, or choose its file.")
        elif len(text) > MOST_PEM:
            missing = True
            yield Problem(field, f"The {words} is longer than {MOST_PEM} characters.")
    if missing:
        return
    if (found := tls.mismatch(desired.certificate, desired.key)) is None:
        if reason := tls.unusable(desired.key, desired.ciphers, desired.max_version):
            yield Problem("ciphers", f"{reason[0].upper()}{reason[1:]}.")
        return
    part, reason = found
    if part == "crt":
        yield Problem("certificate", f"The certificate {reason}.")
    elif desired.key == context.key:
        yield Problem("key", "The stored key belongs to another certificate; give the key of this one.")
    else:
        yield Problem("key", f"The key {reason}.")


def _in_use(context: TlsContext, desired: DesiredTlsContext) -> Iterator[Problem]:
    """Problems of the APIs that use the context: what they need of it must stay."""
    serving = ApiInstance.objects.filter(Q(tls_context=context) | Q(revision__serves_with=context.pk))
    if not desired.certificate and (api := serving.first()):
        yield Problem("certificate", f"{api} serves with it and needs its certificate.", "conflict")
    is_trusting = desired.trusted_ca or desired.skips_validation
    upstream = None if is_trusting else context.upstreams.select_related("api__asset").first()
    if upstream:
        message = f"Upstream {upstream} of {upstream.api} is trusted by it and needs its trusted CA."
        yield Problem("trusted_ca", message, "conflict")
    running = ApiInstance.objects.filter(revision__trusts_by__contains=[context.pk])
    if not is_trusting and not upstream and (api := running.first()):
        message = f"An upstream of {api}, as it runs, is trusted by it and needs its trusted CA."
        yield Problem("trusted_ca", message, "conflict")


def _trusted(desired: DesiredTlsContext) -> Iterator[Problem]:
    if not desired.trusted_ca:
        if desired.requires_client_certificate:
            yield Problem("trusted_ca", "Say who signs the clients' certificates: paste the CA's as PEM.")
    elif len(desired.trusted_ca) > MOST_PEM:
        yield Problem("trusted_ca", f"The trusted CA is longer than {MOST_PEM} characters.")
    else:
        try:
            certificates.read(desired.trusted_ca)
        except ValueError:
            message = "The trusted CA is not a PEM certificate, or several one after the other."
            yield Problem("trusted_ca", message)


def _facts(context: TlsContext) -> dict[str, Any]:
    """What the audit compares: what identifies the certificate, and nothing of the key."""
    apart = ("certificate", "trusted_ca", "keystore", "truststore")
    shown = {name: getattr(context, name) for name in FIELDS if name not in apart}
    stores = {name: str(one) for name in apart[2:] if (one := getattr(context, name))}
    return shown | stores | {name: _told(getattr(context, name)) for name in ("certificate", "trusted_ca")}


def _told(pem: str) -> str:
    if not pem:
        return ""
    found = certificates.read(pem)
    return f"{found.subject}, until {found.expires_at:%Y-%m-%d}, SHA-256 {found.fingerprint}"


def _record(
    actor: User,
    action: AuditEntry.Action,
    context: TlsContext,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> AuditEntry | None:
    where = context.environment
    return audit.record(
        actor,
        action,
        context,
        organization=where.organization,
        environment=where,
        before=before,
        after=after,
    )
