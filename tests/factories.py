"""Rows for tests: each function takes what matters to the test and makes up the rest."""

import itertools
import uuid
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from django.utils import timezone

from analytics.alerts import wording
from analytics.alerts.models import Alert
from apis.assets.models import Asset
from apis.automated.models import AutomatedPolicy, PolicySet
from apis.certificates import read, self_signed
from apis.client_providers.models import ClientProvider
from apis.contracts.models import Application, ClientSecret, Contract, Tier
from apis.models import ApiInstance, TlsContext
from apis.secret_groups.acme import AcmeSource
from apis.secret_groups.models import Secret, SecretGroup
from apis.secret_groups.reading import chains
from console.models import Environment, Organization, Role, User, digest
from gateways.models import Gateway, Replica

numbers = itertools.count(1)


def make_user(username: str = "", **fields: Any) -> User:
    return User.objects.create_user(
        username or f"user{next(numbers)}", password=fields.pop("password", "secret"), **fields
    )


def make_actor(username: str = "", **fields: Any) -> User:
    """Who changes something, where it does not matter who: may do everything."""
    return make_user(username, is_superuser=True, **fields)


def make_organization(name: str = "", **fields: Any) -> Organization:
    return Organization.objects.create(name=name or f"Organization {next(numbers)}", **fields)


def make_environment(organization: Organization | None = None, **fields: Any) -> Environment:
    fields.setdefault("name", f"Environment {next(numbers)}")
    return Environment.objects.create(organization=organization or make_organization(), **fields)


def make_role(
    user: User, organization: Organization, name: str = Role.Name.ADMINISTRATOR, **fields: Any
) -> Role:
    return Role.objects.create(user=user, organization=organization, name=name, **fields)


def make_gateway(environment: Environment | None = None, **fields: Any) -> Gateway:
    fields.setdefault("name", f"gateway-{next(numbers)}")
    fields.setdefault("public_key", "")
    return Gateway.objects.create(environment=environment or make_environment(), **fields)


def make_api(gateway: Gateway | None = None, **fields: Any) -> ApiInstance:
    """An API on this gateway, deployed, of an asset of its own."""
    gateway = gateway or make_gateway()
    name = fields.pop("name", f"orders-{next(numbers)}")
    asset = Asset.objects.create(
        organization=gateway.environment.organization, asset_id=f"{name}-{next(numbers)}", name=name
    )
    fields.setdefault("base_path", f"/{name}")
    fields.setdefault("is_deployed", True)
    return ApiInstance.objects.create(environment=gateway.environment, gateway=gateway, asset=asset, **fields)


def make_automated(environment: Environment | None = None, **fields: Any) -> AutomatedPolicy:
    """An automated IP Blocklist for every API."""
    environment = environment or make_environment()
    order = environment.automated_policies.count() + 1
    given = {"policy": "ip-blocklist", "config": {"ips": ["10.9.9.9"]}, "order": order, **fields}
    return AutomatedPolicy.objects.create(environment=environment, **given)


def make_policy_set(environment: Environment | None = None, **fields: Any) -> PolicySet:
    given = {"name": f"set-{next(numbers)}", **fields}
    return PolicySet.objects.create(environment=environment or make_environment(), **given)


def make_tls_context(environment: Environment | None = None, **fields: Any) -> TlsContext:
    """With a certificate for localhost and 127.0.0.1."""
    certificate, key = self_signed(["localhost", "127.0.0.1"])
    given = {"name": f"tls-{next(numbers)}", "certificate": certificate, "key": key, **fields}
    return TlsContext.objects.create(environment=environment or make_environment(), **given)


def make_secret_group(environment: Environment | None = None, **fields: Any) -> SecretGroup:
    given = {"name": f"group-{next(numbers)}", **fields}
    return SecretGroup.objects.create(environment=environment or make_environment(), **given)


def make_secret(group: SecretGroup | None = None, **fields: Any) -> Secret:
    """A username with the password "s3cret"."""
    given: dict[str, Any] = {"name": f"secret-{next(numbers)}", "kind": "shared-secret", **fields}
    given.setdefault("type", "UsernamePassword")
    given.setdefault("content", {"username": "ann", "password": "s3cret"})
    given.setdefault("told", {"username": "ann"})
    return Secret.objects.create(group=group or make_secret_group(), **given)


def make_keystore(group: SecretGroup | None = None, *names: str, **fields: Any) -> Secret:
    """With a certificate for these names, or for localhost."""
    certificate, key = self_signed(names or ["localhost", "127.0.0.1"])
    facts = read(certificate)
    told = chains.told_chain(x509.load_pem_x509_certificates(certificate.encode()))
    content = {"certificate": certificate, "key": key}
    given = {"kind": "keystore", "type": "PEM", "content": content, "told": told, **fields}
    return make_secret(group, expires_at=facts.expires_at, **given)


def make_client_provider(organization: Organization | None = None, **fields: Any) -> ClientProvider:
    given = {
        "name": f"provider-{next(numbers)}",
        "discovery_url": "https://idp.example.com/realms/main",
        "client_id": "gateway",
        "client_secret": "s3cret",
        **fields,
    }
    return ClientProvider.objects.create(organization=organization or make_organization(), **given)


def make_acme_source(group: SecretGroup | None = None, **fields: Any) -> AcmeSource:
    """One that nobody asks for yet."""
    group = group or make_secret_group()
    given = {
        "name": f"acme-{next(numbers)}",
        "directory": "https://ca.test/",
        "names": ["a.example.com"],
        **fields,
    }
    given.setdefault("next_try_at", timezone.now() + timedelta(days=1))
    return AcmeSource.objects.create(environment=group.environment, group=group, **given)


def make_replica(gateway: Gateway, **fields: Any) -> Replica:
    """A live replica, whose last heartbeat was just now."""
    now = timezone.now()
    fields = {"started_at": now, "last_heartbeat_at": now, "version": "0.1.0", **fields}
    fields.setdefault("name", f"replica-{next(numbers)}")
    return Replica.objects.create(id=uuid.uuid4(), gateway=gateway, **fields)


def for_long() -> datetime:
    """A last heartbeat after which a replica is live for a whole test, however slow the machine is."""
    return timezone.now() + timedelta(hours=1)


def make_application(organization: Organization | None = None, **fields: Any) -> Application:
    """A client application whose secret is "s3cret"."""
    fields.setdefault("name", f"application-{next(numbers)}")
    owners = fields.pop("owners", ())
    application = Application.objects.create(organization=organization or make_organization(), **fields)
    application.owners.set(owners)
    ClientSecret.objects.create(application=application, digest=digest("s3cret"), hint="cret")
    return application


def make_tier(api: ApiInstance | None = None, **fields: Any) -> Tier:
    """Ten requests a minute."""
    limits = [{"maximumRequests": 10, "timePeriodInMilliseconds": 60_000, "visible": True}]
    given = {"name": f"tier-{next(numbers)}", "limits": limits, **fields}
    return Tier.objects.create(api=api or make_api(), **given)


def make_contract(api: ApiInstance | None = None, **fields: Any) -> Contract:
    """An approved one, of an application of the API's organization."""
    api = api or make_api()
    application = fields.pop("application", None) or make_application(api.environment.organization)
    given = {"status": Contract.Status.APPROVED, "approved_at": timezone.now(), **fields}
    return Contract.objects.create(api=api, application=application, **given)


def make_alert(environment: Environment | None = None, **fields: Any) -> Alert:
    """About the error rate of every API of the environment."""
    given = {"type": Alert.Type.ERRORS, "about": Alert.About.ENVIRONMENT, "threshold": 5, **fields}
    if api := given.get("api"):
        environment, given["about"] = api.environment, Alert.About.API
    subject, message = wording.usual(given["type"])
    texts = {"name": f"alert-{next(numbers)}", "subject": subject, "message": message}
    return Alert.objects.create(environment=environment or make_environment(), **texts | given)
