"""Every change of a client provider, and of which one an environment has.

Each is atomic and audited without the secret, and is pushed to the gateways of all that ask for the provider.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404
from pydantic_core import PydanticCustomError

from apis.changes import bookkeeping, provider_uses
from apis.changes.following import follow_provider
from apis.client_providers.models import WELL_KNOWN, Chosen, ClientProvider
from apis.secret_groups.models import Secret
from console import audit
from console.addressed import ANEW, leads_elsewhere
from console.audit import HIDDEN, record
from console.granting import require_administrator
from console.models import AuditEntry, Environment, User
from console.named import few
from console.providers import fetching
from console.versions import check as check_version
from console.versions import version
from gateways.models import Gateway
from policies.fields import urls

Action = AuditEntry.Action
FIELDS = ("name", "discovery_url", "introspection_url", "client_id", "timeout_ms")
MOST = 100
"""Of an organization."""


@transaction.atomic
def save(actor: User, provider: ClientProvider, secret: str = "", *, seen: str = "") -> None:
    """A new one, or what was changed of one. An empty secret leaves the stored one as it is, and is refused
    where the address leads elsewhere.

    Raises Changed where it is not as it was `seen`.
    """
    require_administrator(actor, provider.organization)
    lock(provider)
    before = ClientProvider.objects.filter(pk=provider.pk).first()
    if before is not None:
        check_version(seen, version_of_provider(before))
    provider.client_secret = secret or (before.client_secret if before else None)
    _check(provider, before, secret)
    provider.save()
    was = facts(before) | {"client_secret": f"{HIDDEN} (old)"} if before else None
    now = facts(provider) | {"client_secret": f"{HIDDEN} ({'new' if secret else 'old'})"}
    action = Action.UPDATE if before else Action.CREATE
    entry = record(actor, action, provider, organization=provider.organization, before=was, after=now)
    if before and (was != now or before.client_secret != provider.client_secret):
        for one in provider.chosen.select_related("environment"):
            follow_provider(one.environment, entry)


@transaction.atomic
def delete(actor: User, provider: ClientProvider, *, seen: str = "") -> None:
    """Refused while an environment has it."""
    require_administrator(actor, provider.organization)
    lock(provider)
    provider.refresh_from_db()
    check_version(seen, version_of_provider(provider))
    if having := [str(one.environment) for one in provider.chosen.select_related("environment")[:4]]:
        message = f"{provider} is the client provider of {few(having)}: choose another one there first."
        raise ValidationError({"": [ValidationError(message, code="conflict")]})
    record(actor, Action.DELETE, provider, organization=provider.organization, before=facts(provider))
    provider.delete()


@transaction.atomic
def choose(
    actor: User,
    environment: Environment,
    provider: ClientProvider | None,
    truststore: Secret | None = None,
    *,
    seen: str = "",
) -> None:
    """Which one the environment has from now on: for all of its policies that name none of their own.

    Raises Changed where it is not as it was `seen`; ValidationError where there is to be none and policies
    ask for one.
    """
    require_administrator(actor, environment.organization)
    if provider and not _is_locked(provider):
        gone = f"{provider} was deleted meanwhile; choose another one."
        raise ValidationError({"provider": [ValidationError(gone, code="conflict")]})
    bookkeeping.lock(*environment.gateways.all())
    environment.organization.lock()
    environment.lock()
    before = chosen_of(environment)
    check_version(seen, version_of(before))
    _check_choice(environment, provider, truststore)
    was = _told(before)
    if provider is None:
        provider_uses.refuse_while_used(environment)
        Chosen.objects.filter(environment=environment).delete()
        after = None
    else:
        facts_of = {"provider": provider, "truststore": truststore}
        after, _ = Chosen.objects.update_or_create(environment=environment, defaults=facts_of)
    if was == _told(after):
        return
    entry = audit.record(
        actor,
        Action.UPDATE,
        environment,
        organization=environment.organization,
        environment=environment,
        before=was,
        after=_told(after),
    )
    follow_provider(environment, entry)


def chosen_of(environment: Environment) -> Chosen | None:
    return (
        Chosen.objects.select_related("provider", "truststore__group").filter(environment=environment).first()
    )


def version_of(chosen: Chosen | None) -> str:
    return version({key: str(value) for key, value in _told(chosen).items()})


def version_of_provider(provider: ClientProvider) -> str:
    return version(facts(provider) | {"secret": str(provider.client_secret)})


def facts(provider: ClientProvider) -> dict[str, Any]:
    return {name: getattr(provider, name) for name in FIELDS}


def _told(chosen: Chosen | None) -> dict[str, str]:
    if chosen is None:
        return {"client_provider": "", "client_provider_truststore": ""}
    store = chosen.truststore.reference if chosen.truststore else ""
    return {"client_provider": chosen.provider.name, "client_provider_truststore": store}


def lock(provider: ClientProvider) -> None:
    """Before anything else: itself, so that nobody begins to have it meanwhile, the gateways of all
    environments that have it, and its organization. Raises Http404 where it was deleted meanwhile.
    """
    if not _is_locked(provider) and not provider._state.adding:
        raise Http404(f"Client provider {provider.pk} not found.")
    bookkeeping.lock(*Gateway.objects.filter(environment__chosen_provider__provider=provider.pk))
    provider.organization.lock()


def _is_locked(provider: ClientProvider) -> bool:
    """Whether it is still there, until the transaction ends."""
    return bool(ClientProvider.objects.select_for_update(no_key=True).filter(pk=provider.pk))


def _check(provider: ClientProvider, before: ClientProvider | None, secret: str) -> None:
    """Raises ValidationError by field."""
    found: dict[str, list[Any]] = {}
    if bool(provider.discovery_url) == bool(provider.introspection_url):
        both = "Write one of the two: the discovery URL, or the introspection URL of a provider without one."
        found["discovery_url"] = [both]
    for field in ("discovery_url", "introspection_url"):
        if fault := _fault_of(getattr(provider, field), is_issuer=field == "discovery_url"):
            found[field] = [fault]
    if not provider.client_secret:
        found["secret"] = ["Write the secret that the provider gave the gateways."]
    elif before and not secret and leads_elsewhere(_addresses(before), _addresses(provider)):
        found["secret"] = [ANEW]
    others = ClientProvider.objects.filter(organization=provider.organization).exclude(pk=provider.pk)
    if before is None and others.count() >= MOST:
        found["name"] = [f"{provider.organization} has {MOST} client providers, and room for no more."]
    elif others.filter(name=provider.name).exists():
        message = f'"{provider.name}" is the name of another client provider of {provider.organization}.'
        found["name"] = [ValidationError(message, code="conflict")]
    if found:
        raise ValidationError(found)
    provider.full_clean()


def _addresses(provider: ClientProvider) -> tuple[str, str]:
    return provider.discovery_url, provider.introspection_url


def _fault_of(address: str, *, is_issuer: bool) -> str:
    """As gateways ask it, and as the console does; "" where there is none."""
    if not address:
        return ""
    if fault := fetching.fault_of(address):
        return fault
    if is_issuer and "?" in address:
        return "Write the issuer's address alone; its document is found from there."
    try:
        urls.split(address.removesuffix(WELL_KNOWN) if is_issuer else address)
    except PydanticCustomError as error:
        return str(error.message())
    return ""


def _check_choice(
    environment: Environment, provider: ClientProvider | None, truststore: Secret | None
) -> None:
    if provider and not ClientProvider.objects.offered_to(environment).filter(pk=provider.pk).exists():
        message = f"{provider} is a client provider of another organization than {environment.organization}."
        raise ValidationError({"provider": [message]})
    if truststore and provider is None:
        raise ValidationError({"truststore": ["It vouches for a client provider; choose one."]})
    if truststore and (
        truststore.kind != Secret.Kind.TRUSTSTORE or truststore.group.environment_id != environment.pk
    ):
        raise ValidationError({"truststore": [f"This is no truststore of {environment}."]})
