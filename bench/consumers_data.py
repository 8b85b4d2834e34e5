"""Rows for measuring the pages of consumers and people: applications, contracts, secrets, audit log."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils import timezone

from apis.contracts.models import Application, Contract, Tier
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, Upstream
from apis.promotions.models import Counterpart, Mapped
from apis.secret_groups.models import Secret, SecretGroup
from bench.console_data import POLICIES
from console.invitations.models import Invitation
from console.models import AuditEntry, Environment, Role, User
from console.notices.models import Notice

LIMITS = '[{"visible": true, "maximumRequests": 100, "timePeriodInMilliseconds": 60000}]'


@dataclass(frozen=True)
class Many:
    """How many rows of each. `of_person` is of one who owns a hundredth as many applications."""

    applications: int = 100_000
    of_api: int = 10_000
    tiers: int = 1000
    of_person: int = 1000
    secrets: int = 1000
    members: int = 1000
    invitations: int = 1000
    notices: int = 10_000
    audit: int = 1_000_000
    compared: int = 2000


@dataclass(frozen=True)
class Made:
    administrator: User
    consumer: User
    api: int
    application: int
    """With as many contracts as the person has in all."""
    owned: int
    contract: int
    other: uuid.UUID


def fill(many: Many) -> Made:
    """In the environment that a first login shows, which has APIs by now, and one beside it."""
    environment = Environment.objects.earliest("created_at")
    administrator, consumer = (User.objects.create(username=name) for name in ("wide-admin", "wide-consumer"))
    Role.objects.create(
        user=administrator, organization=environment.organization, name=Role.Name.ADMINISTRATOR
    )
    api = ApiInstance.objects.filter(environment=environment).earliest("pk")
    first = _applications(environment, many)
    _contracts(environment, api, first, many)
    owned = _owned(consumer, environment, first, many)
    _secrets(environment, many.secrets)
    _people(environment, administrator, many)
    _audit(environment, administrator, many.audit)
    other = _beside(environment, many.compared)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    contract = Contract.objects.filter(application=owned, status="APPROVED").earliest("pk").pk
    return Made(administrator, consumer, api.pk, first, owned, contract, other)


def _applications(environment: Environment, many: Many) -> int:
    table = Application._meta.db_table
    _run(
        f"""
        INSERT INTO {table} (organization_id, name, description, url, redirect_uris, grant_types, client_id,
            created_at, updated_at)
        SELECT %s, 'app ' || lpad(n::text, 6, '0'), '', '', '{{}}', '{{}}', md5('client' || n), now(), now()
        FROM generate_series(1, %s) AS n
        """,
        [environment.organization_id, many.applications],
    )
    return Application.objects.filter(organization=environment.organization).earliest("pk").pk


def _contracts(environment: Environment, api: ApiInstance, first: int, many: Many) -> None:
    """The first API's, one of each other application with some other API, and those of the first one."""
    _run(
        f"""
        INSERT INTO {Tier._meta.db_table} (api_id, name, description, limits, approves_by_itself, status,
            created_at, updated_at)
        SELECT %s, 'tier ' || n, '', '{LIMITS}', false, 'ACTIVE', now(), now()
        FROM generate_series(1, %s) AS n
        """,
        [api.pk, many.tiers],
    )
    tier = Tier.objects.filter(api=api).earliest("pk").pk
    given: dict[str, Any] = {
        "api": api.pk,
        "first": first,
        "tier": tier,
        "tiers": many.tiers,
        "of_api": many.of_api,
    }
    _run(
        _contract("%(first)s + n", "%(api)s", "%(tier)s + n %% %(tiers)s")
        + " FROM generate_series(1, %(of_api)s) AS n",
        given,
    )
    others = """
        (SELECT array_agg(id ORDER BY id) AS ids FROM apis_apiinstance
         WHERE environment_id = %(environment)s AND id <> %(api)s) AS apis
    """
    given |= {"environment": environment.pk, "rest": many.applications - many.of_api - 1}
    given |= {"of_person": many.of_person}
    one = "ids[n %% cardinality(ids) + 1]"
    _run(
        _contract("%(first)s + %(of_api)s + n", one, "NULL::bigint")
        + f" FROM generate_series(1, %(rest)s) AS n, {others}",
        given,
    )
    _run(
        _contract("%(first)s", one, "NULL::bigint")
        + f" FROM generate_series(1, least(%(of_person)s, (SELECT count(*) FROM apis_apiinstance) - 1)) AS n,"
        f" {others}",
        given,
    )


def _contract(application: str, api: str, tier: str) -> str:
    """One in twenty waits, one in fifty was revoked."""
    return f"""
        INSERT INTO {Contract._meta.db_table} (application_id, api_id, tier_id, status, reason, answer,
            accepted_terms, created_at, updated_at, approved_at, mark)
        SELECT {application}, {api}, CASE WHEN n %% 20 = 0 THEN NULL ELSE {tier} END,
            CASE WHEN n %% 20 = 0 THEN 'PENDING' WHEN n %% 50 = 1 THEN 'REVOKED' ELSE 'APPROVED' END, '', '',
            true, now() - n * interval '1 minute', now(), now(), n
    """


def _owned(consumer: User, environment: Environment, first: int, many: Many) -> int:
    """A hundredth as many applications as contracts; each is of a hundred, the first one has all."""
    applications = max(many.of_person // 100, 1)
    ids = [first, *range(first + many.applications - applications, first + many.applications)]
    owners = Application.owners.through
    owners.objects.bulk_create(owners(application_id=pk, user=consumer) for pk in ids)
    _run(
        _contract("application", "api", "NULL::bigint")
        + """
        FROM (
            SELECT application, id AS api, row_number() OVER () AS n
            FROM generate_series(%s::bigint, %s::bigint) AS application, LATERAL (
                SELECT id FROM apis_apiinstance WHERE environment_id = %s ORDER BY id LIMIT 100
            ) AS api
        ) AS wanted ON CONFLICT DO NOTHING
        """,
        [ids[1], ids[-1], environment.pk],
    )
    return ids[0]


def _secrets(environment: Environment, count: int) -> None:
    groups = SecretGroup.objects.bulk_create(
        SecretGroup(environment=environment, name=f"wide-{number:03}") for number in range(10)
    )
    Secret.objects.bulk_create(
        Secret(
            group=groups[number % len(groups)],
            kind="shared-secret",
            type="SymmetricKey",
            name=f"key-{number:04}",
            content={"key": "k"},
        )
        for number in range(count)
    )


def _people(environment: Environment, administrator: User, many: Many) -> None:
    users = User.objects.bulk_create(User(username=f"member-{n:05}") for n in range(many.members))
    organization = environment.organization
    Role.objects.bulk_create(
        Role(user=one, organization=organization, name=Role.Name.VIEWER) for one in users
    )
    told = {"organization": organization, "role": "viewer", "inviter": administrator}
    Invitation.objects.bulk_create(
        Invitation(token_hash=f"wide-{n}", email=f"wide-{n}@example.com", **told)
        for n in range(many.invitations)
    )
    Notice.objects.bulk_create(
        (
            Notice(
                user=administrator,
                kind="contract-asked",
                organization=organization,
                environment=environment,
                subject=f"app {n} asks for access",
                text="It says why.",
                read_at=None if n % 3 else timezone.now(),
            )
            for n in range(many.notices)
        ),
        batch_size=2000,
    )


def _audit(environment: Environment, actor: User, count: int) -> None:
    """Nine of ten are of the organization, the others of none."""
    _run(
        f"""
        INSERT INTO {AuditEntry._meta.db_table} (at, actor_id, actor_name, organization_id, environment_id,
            action, failed, object_type, object_id, object_name, of_type, of_id, of_name, diff)
        SELECT now() - n * interval '20 seconds', %s, 'member-' || n %% 500,
            CASE WHEN n %% 10 > 0 THEN %s::uuid END, CASE WHEN n %% 10 > 2 THEN %s::uuid END,
            (ARRAY['create', 'update', 'update', 'delete'])[n %% 4 + 1], false,
            (ARRAY['api-instance', 'policy', 'contract', 'application', 'gateway'])[n %% 5 + 1], n::text,
            'thing ' || n, '', '', '', '{{"path": ["/a", "/b"]}}'
        FROM generate_series(1, %s) AS n
        """,
        [actor.pk, environment.organization_id, environment.pk, count],
    )


def _beside(environment: Environment, count: int) -> uuid.UUID:
    """Two environments with as many APIs each; half of the second's were promoted from the first."""
    here, there = (
        Environment.objects.create(organization=environment.organization, name=f"Compared {n}")
        for n in (1, 2)
    )
    assets = list(ApiInstance.objects.filter(environment=environment).values_list("asset", flat=True)[:count])
    left, right = (_copies(one, assets) for one in (here, there))
    Counterpart.objects.bulk_create(
        Counterpart(origin=origin, copy=copy) for origin, copy in zip(left[::2], right[::2], strict=True)
    )
    Mapped.objects.bulk_create(
        Mapped(source=here, target=there, kind="upstream", was=was, becomes=becomes)
        for was, becomes in ((_uri(here, n), _uri(there, n)) for n in range(len(assets)))
    )
    return here.pk


def _copies(environment: Environment, assets: list[Any]) -> list[ApiInstance]:
    """Every tenth has another policy configuration than those elsewhere."""
    apis = ApiInstance.objects.bulk_create(
        ApiInstance(environment=environment, asset_id=asset, base_path=f"/{number}")
        for number, asset in enumerate(assets)
    )
    upstreams = Upstream.objects.bulk_create(
        Upstream(api=api, uri=_uri(environment, number)) for number, api in enumerate(apis)
    )
    routes = Route.objects.bulk_create(Route(api=api, position=0) for api in apis)
    RouteUpstream.objects.bulk_create(
        RouteUpstream(route=route, upstream=upstream)
        for route, upstream in zip(routes, upstreams, strict=True)
    )
    PolicyBinding.objects.bulk_create(
        PolicyBinding(
            api=api, policy=policy, order=order, config={"at": str(environment.pk) if n % 10 == 0 else ""}
        )
        for n, api in enumerate(apis)
        for order, policy in enumerate(POLICIES, start=1)
    )
    Tier.objects.bulk_create(Tier(api=api, name=name) for api in apis for name in ("Bronze", "Gold"))
    return apis


def _uri(environment: Environment, number: int) -> str:
    return f"http://{environment.name.replace(' ', '-').lower()}-{number}:8080/"


def _run(sql: str, parameters: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)
