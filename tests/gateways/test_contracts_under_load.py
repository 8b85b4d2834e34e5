"""Contracts and tiers change while many call: the console's, down the stream, and those of Local Mode."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from apis.changes import applications, contracts, tiers
from apis.contracts.models import Contract, Tier
from apis.models import ApiInstance
from console.models import User
from gateways.models import Book, Replica
from tests.factories import make_user
from tests.faults.local_process import LocalProcess
from tests.gateways.agent_process import AgentProcess
from tests.gateways.consuming import CLIENTS, PATIENCE_SECONDS, TIERS, decide_under_load, status
from tests.gateways.pushing import push
from tests.gateways.test_contracts import add_api
from tests.traffic.upstream import echo
from tests.waiting import wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.long]
POLICY = "rate-limiting-sla-based"
SECRET = {"clientSecretExpression": "#[attributes.headers['client_secret']]"}
VERSION = "gatewright.dev/v1alpha1"


def limits_of(maximum: int) -> list[dict[str, Any]]:
    return [{"maximumRequests": maximum, "timePeriodInMilliseconds": 3_600_000}]


class ByConsole:
    """Decides as its pages and REST do."""

    def __init__(self, api: ApiInstance, actor: User) -> None:
        self.port = api.port
        self._actor = actor
        self._tiers: dict[str, Tier] = {
            name: tiers.create(actor, api, name=name, limits=limits_of(maximum))
            for name, maximum in TIERS.items()
        }
        self._secrets = {"stranger": ("nobody", "secret")}
        self._contracts: dict[str, Contract] = {}
        for client, tier in CLIENTS.items():
            application, secret = applications.create(actor, api.environment.organization, name=client)
            self._secrets[client] = application.client_id, secret
            self._contracts[client] = contracts.request(actor, application, api, tier=self._tiers[tier])
            if client != "waiting":
                contracts.approve(actor, self._contracts[client])

    def headers(self, client: str) -> Mapping[str, str]:
        client_id, secret = self._secrets[client]
        return {"client_id": client_id, "client_secret": secret}

    def approve(self, client: str) -> None:
        contracts.approve(self._actor, self._contracts[client])
        self.wait()

    def revoke(self, client: str) -> None:
        contracts.revoke(self._actor, self._contracts[client])
        self.wait()

    def restore(self, client: str) -> None:
        contracts.restore(self._actor, self._contracts[client])
        self.wait()

    def limit(self, tier: str, maximum: int) -> None:
        tiers.update(self._actor, self._tiers[tier], limits=limits_of(maximum))
        self.wait()

    def move(self, client: str, tier: str) -> None:
        contracts.change_tier(self._actor, self._contracts[client], self._tiers[tier])
        self.wait()

    def wait(self) -> None:
        wanted = Book.objects.get().generation
        wait_until(lambda: Replica.objects.get().contracts_generation >= wanted, PATIENCE_SECONDS)


class ByFiles:
    """Decides by writing a file for each contract, as people do who keep them in a repository."""

    def __init__(self, process: LocalProcess, folder: Path) -> None:
        self.port = process.port
        self._process, self._folder = process, folder
        self._limits = dict(TIERS)
        self._tier_of = dict(CLIENTS)
        policy = {"policyRef": {"name": POLICY}, "config": SECRET}
        spec = {
            "address": f"http://127.0.0.1:{self.port}/orders",
            "services": {"backend": {"address": process.upstream}},
            "policies": [policy],
        }
        self._write("orders", {"kind": "ApiInstance", "metadata": {"name": "orders"}, "spec": spec})
        for client in CLIENTS:
            if client != "waiting":
                self._grant(client)

    def headers(self, client: str) -> Mapping[str, str]:
        return {"client_id": client, "client_secret": f"secret of {client}"}

    def approve(self, client: str) -> None:
        self._after(partial(self._grant, client))

    restore = approve

    def revoke(self, client: str) -> None:
        self._after((self._folder / f"{client}.yaml").unlink)

    def limit(self, tier: str, maximum: int) -> None:
        self._limits[tier] = maximum
        for client, of in self._tier_of.items():
            if of == tier:
                self._after(partial(self._grant, client))

    def move(self, client: str, tier: str) -> None:
        self._tier_of[client] = tier
        self._after(partial(self._grant, client))

    def _after(self, change: Callable[[], object]) -> None:
        before = self._process.printed.count("is in force")
        change()
        wait_until(lambda: self._process.printed.count("is in force") > before, PATIENCE_SECONDS)

    def _grant(self, client: str) -> None:
        limits = limits_of(self._limits[self._tier_of[client]])
        told = {"id": client, "secret": f"secret of {client}"}
        spec = {"apiId": "orders", "client": told, "sla": {"limits": limits}}
        self._write(client, {"kind": "Contract", "metadata": {"name": client}, "spec": spec})

    def _write(self, name: str, resource: dict[str, Any]) -> None:
        beside = self._folder / f"{name}.new"
        beside.write_text(json.dumps({"apiVersion": VERSION, **resource}))
        beside.replace(self._folder / f"{name}.yaml")


@pytest.mark.django_db(transaction=True)
def test_the_consoles_decisions_count_for_every_request_after_them(agent: AgentProcess) -> None:
    with echo() as upstream:
        api = add_api(agent.gateway, upstream, POLICY, **SECRET)
        deciding = ByConsole(api, make_user())
        agent.start()
        push(agent.gateway.pk)
        deciding.wait()
        wait_until(lambda: status(deciding, "kept") == 200, PATIENCE_SECONDS)

        decide_under_load(deciding)


def test_those_of_files_in_local_mode_do_so_too(tmp_path: Path) -> None:
    with echo() as upstream:
        process = LocalProcess(tmp_path, upstream.url)
        deciding = ByFiles(process, tmp_path / "conf.d")
        try:
            process.start()
            wait_until(lambda: status(deciding, "kept") == 200, PATIENCE_SECONDS)

            decide_under_load(deciding)
        finally:
            process.end()
