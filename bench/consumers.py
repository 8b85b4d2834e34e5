"""The pages of consumers and people, with rows by the thousand: server time and database queries."""

import importlib
import os
from pathlib import Path
from typing import Any

from bench.console import page_row

FEW = {
    "applications": 60,
    "of_api": 30,
    "tiers": 30,
    "of_person": 30,
    "secrets": 30,
    "members": 30,
    "invitations": 30,
    "notices": 30,
    "audit": 300,
    "compared": 30,
}
QUICK = {name: count * 5 for name, count in FEW.items()}


def measure(folder: Path, *, quick: bool, rounds: int, only: str = "") -> None:
    """As `bench.console` does; those who ask are an administrator of an organization and a consumer."""
    os.environ.update(
        GATEWRIGHT_HOME=str(folder), DJANGO_SETTINGS_MODULE="console.settings", GATEWRIGHT_LOG_LEVEL="ERROR"
    )
    import django

    from console.stack import servers

    with servers.running(folder):
        django.setup()
        from bench import console_data
        from bench.consumers_data import Many, fill

        console_data.prepare(folder)
        importlib.import_module("console.wsgi")
        console_data.fill(apis=150 if quick else 2000, gateways=10, days=1)
        few = {name: row["queries"] for name, row in _rows(fill(Many(**FEW)), 1, {}, only).items()}
        _forget()
        many = fill(Many(**QUICK) if quick else Many())
        repeats = 5 if quick else 10 * rounds
        rows = list(_rows(many, repeats, few, only).values())
    from bench import report

    report.tell(
        "consumers", "Consumers and people: pages", rows, quick=quick, is_part=bool(only), repeats=repeats
    )


def _forget() -> None:
    """What was made for few."""
    from apis.contracts.models import Application, Contract, Tier
    from apis.secret_groups.models import SecretGroup
    from console.invitations.models import Invitation
    from console.models import AuditEntry, Environment, User

    Contract.objects.all().delete()
    for model in (Application, Tier, SecretGroup, Invitation, AuditEntry):
        model.objects.all().delete()
    Environment.objects.filter(name__startswith="Compared ").delete()
    User.objects.filter(username__regex="^(wide|member)-").delete()


def _rows(made: Any, repeats: int, few: dict[str, int], only: str) -> dict[str, dict[str, Any]]:
    from console.scope import SESSION_KEY

    administrator, consumer = _client(made.administrator), _client(made.consumer)
    rows = {}
    for name, url in _only(pages(made), only):
        client = consumer if url.startswith("/consumer") else administrator
        rows[name] = page_row(client, name, url, few.get(name, 0), repeats)
    session = administrator.session
    session[SESSION_KEY] = str(made.other)
    session.save()
    for name, url in _only(COMPARISONS, only):
        rows[name] = page_row(administrator, name, url, few.get(name, 0), repeats)
    return rows


def _only(named: dict[str, str], only: str) -> list[tuple[str, str]]:
    return [(name, url) for name, url in named.items() if only in name]


COMPARISONS = {
    "two environments": "/apis/compare",
    "two environments, what differs": "/apis/compare?state=different",
    "two environments, searched": "/apis/compare?q=orders-17",
}


def pages(made: Any) -> dict[str, str]:
    api, application, contract = made.api, made.application, made.contract
    return {
        "applications": "/applications",
        "applications, the last page": "/applications?page=4000",
        "applications, searched": "/applications?q=app+0123",
        "applications, nothing found": "/applications?q=nothing",
        "applications, waiting": "/applications?shows=pending",
        "applications, without contracts": "/applications?shows=unused",
        "an application with many contracts": f"/applications/{application}",
        "an application's contracts, searched": f"/applications/{application}?q=orders-1",
        "an application asks for access": f"/applications/{application}/request",
        "an API's contracts": f"/apis/{api}/contracts",
        "an API's contracts, the last page": f"/apis/{api}/contracts?page=400",
        "an API's contracts, searched": f"/apis/{api}/contracts?q=app+0001",
        "an API's contracts, waiting": f"/apis/{api}/contracts?status=PENDING",
        "access to an API is asked for": f"/apis/{api}/contracts/request",
        "an API's tiers": f"/apis/{api}/tiers",
        "an API's tiers, searched": f"/apis/{api}/tiers?q=99",
        "a consumer's applications": "/consumer",
        "a consumer's application": f"/consumer/{made.owned}",
        "a consumer's contract": f"/consumer/contracts/{contract}",
        "a consumer asks for access": f"/consumer/{made.owned}/request",
        "secrets": "/apis/secrets",
        "secrets, searched": "/apis/secrets?q=key-09",
        "secret groups": "/apis/secret-groups",
        "members": "/administration/users",
        "members, searched": "/administration/users?q=member-007",
        "invitations": "/administration/invitations",
        "inbox": "/inbox",
        "inbox, searched": "/inbox?q=app+77",
        "audit log": "/administration/audit",
        "audit log, the last page": "/administration/audit?page=400",
        "audit log, searched": "/administration/audit?q=thing+77",
        "audit log, of one kind": "/administration/audit?kind=contract",
        "audit log, of one person": "/administration/audit?who=member-7",
        "search": "/search?q=app+0123",
    }


def _client(user: Any) -> Any:
    from django.test import Client

    client = Client(raise_request_exception=True)
    client.force_login(user)
    return client
