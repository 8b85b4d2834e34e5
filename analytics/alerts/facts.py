"""What alerts that are not about traffic look at: gateways that are away, certificates that end, deployments
that were refused, upstreams that are unhealthy. Each is asked once for all environments.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from apis import health
from apis.deployment import status_counts
from apis.models import ApiInstance, TlsContext, Upstream
from apis.secret_groups import models as secrets
from apis.secret_groups import renewed as renewed_keystores
from gateways.models import Gateway

MINUTE = 60
DAY = 86400
MOST_DAYS = 36_500


@dataclass(frozen=True)
class Fact:
    """`gateway` and `apis` are whom it concerns, else the environment; `value` is in minutes or days."""

    environment: UUID
    key: str
    name: str
    value: float
    gateway: UUID | None = None
    apis: frozenset[int] = frozenset()


def away(environments: Collection[UUID], at: datetime) -> list[Fact]:
    """Gateways of which no replica reports, with the minutes since one did. One that never had a replica is
    not away yet.
    """
    found = Gateway.objects.filter(environment__in=environments, is_revoked=False).with_figures()
    columns = ("environment", "pk", "name", "live_count", "heard_at")
    return [
        Fact(environment, f"gateway:{pk}", name, _since(heard_at, at), pk)
        for environment, pk, name, live, heard_at in found.values_list(*columns)
        if not live and heard_at
    ]


def ending(environments: Collection[UUID], at: datetime, days: float) -> list[Fact]:
    """Certificates that deployed APIs serve with or reach upstreams with, and secrets that end within so many
    days, with the days that they last: less than 0 when they have ended. Without those that are renewed by
    themselves, unless that is overdue.
    """
    renewed = renewed_keystores.later(environments, at)
    contexts = _contexts(environments, at, renewed)
    shown = TlsContext.objects.filter(pk__in=[one.key.removeprefix("tls:") for one in contexts])
    known = set(shown.exclude(keystore=None).values_list("keystore", flat=True))
    found = secrets.ending(environments, timedelta(days=min(days, MOST_DAYS)), at)
    return contexts + [
        Fact(one.group.environment_id, f"secret:{one.pk}", one.reference, _days(one.expires_at, at))
        for one in found
        if one.pk not in known | renewed and one.expires_at
    ]


def _contexts(environments: Collection[UUID], at: datetime, renewed: Collection[UUID]) -> list[Fact]:
    deployed = ApiInstance.objects.deployed().filter(environment__in=environments)
    apis: dict[UUID, set[int]] = {}
    serving = deployed.exclude(tls_context=None).values_list("tls_context", "pk")
    reaching = Upstream.objects.filter(api__in=deployed).exclude(tls_context=None)
    for context, api in (*serving, *reaching.values_list("tls_context", "api")):
        apis.setdefault(context, set()).add(api)
    contexts = TlsContext.objects.filter(pk__in=apis, environment__in=environments).defer("key")
    contexts = contexts.exclude(keystore__in=renewed)
    return [
        Fact(
            one.environment_id,
            f"tls:{one.pk}",
            one.name,
            _days(facts.expires_at, at),
            apis=frozenset(apis[one.pk]),
        )
        for one in contexts
        if (facts := one.facts)
    ]


def refused(environments: Iterable[UUID]) -> set[int]:
    """APIs of whose wanted version a replica says that it does not take it."""
    return status_counts.refused(environments)


def unhealthy(environments: Iterable[UUID]) -> set[int]:
    """APIs that have an upstream of which a replica says that none of its hosts is well."""
    return health.unhealthy(environments)


def _days(end: datetime, at: datetime) -> float:
    return round((end - at).total_seconds() / DAY, 2)


def _since(heard_at: datetime, at: datetime) -> float:
    return round(max(0.0, (at - heard_at).total_seconds() / MINUTE), 1)
