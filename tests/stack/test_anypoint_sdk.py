"""The unmodified `anypoint-sdk` against the console: each of its calls for API Manager and accounts.

It runs where the SDK is there: GATEWRIGHT_ANYPOINT_SDK names a Python that has it (PyPI's package
anypoint-sdk), else ours may. It speaks to nobody but the console of this test.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from apis.contracts.models import Application
from apis.models import ApiInstance, PolicyBinding
from console.models import ConnectedApp, Environment
from gateways.models import Gateway
from tests.analytics.traffic import Shipper, count
from tests.factories import make_environment, make_gateway, make_organization, make_role, make_user

PYTHON = os.environ.get("GATEWRIGHT_ANYPOINT_SDK") or (
    sys.executable if importlib.util.find_spec("anypoint_sdk") else None
)
pytestmark = [
    pytest.mark.long,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(600),
    pytest.mark.skipif(PYTHON is None, reason="no anypoint-sdk on this machine"),
]
PROGRAM = """
import json, sys
from anypoint_sdk import AnypointClient
base, client_id, secret = sys.argv[1:]
client = AnypointClient.from_client_credentials(client_id, secret, base_url=base)
for line in sys.stdin:
    path, given, named = json.loads(line)
    call = client
    for part in path.split("."):
        call = getattr(call, part)
    try:
        told = {"result": call(*given, **named)}
    except Exception as error:
        told = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(told), flush=True)
"""
LIMIT = [{"maximumRequests": 2, "timePeriodInMilliseconds": 60_000, "visible": True}]


class Sdk:
    """`sdk("apis.get_instance", …)`: what the call returned; raises AssertionError for what it raised."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def __call__(self, call: str, *given: object, **named: object) -> Any:
        told = self.ask(call, *given, **named)
        assert "error" not in told, (call, told["error"])
        return told["result"]

    def ask(self, call: str, *given: object, **named: object) -> Any:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps([call, given, named]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the SDK ended"
        return json.loads(line)


@pytest.fixture
def environment(transactional_db: None) -> Environment:
    return make_environment(make_organization("Acme"), name="Sandbox")


@pytest.fixture
def sdk(environment: Environment, live_server: Any) -> Iterator[Sdk]:
    owner = make_user("ada")
    make_role(owner, environment.organization)
    app = ConnectedApp(name="sdk", organization=environment.organization, owner=owner, role="manager")
    app.in_every_environment, secret = True, app.renew_secret()
    app.save()
    assert PYTHON
    command = [PYTHON, "-c", PROGRAM, live_server.url, app.client_id, secret]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env={"PATH": os.environ["PATH"]}, **pipes) as process:  # type: ignore[call-overload]
        yield Sdk(process)
        process.stdin.close()


def test_the_calls_of_the_sdk_do_what_they_say(sdk: Sdk, environment: Environment) -> None:
    org, env = str(environment.organization_id), str(environment.pk)
    make_gateway(environment)

    assert sdk("organizations.me")["client"]["name"] == "sdk"
    assert [one["name"] for one in sdk("organizations.list_accessible")] == ["Acme"]
    assert [one["name"] for one in sdk("environments.list", org)] == ["Sandbox"]
    api = _apis(sdk, org, env)
    _policies(sdk, org, env, api)
    _contracts(sdk, org, env, api)
    _automated(sdk, org, env)
    assert sdk("groups.list", org, env) == []
    assert sdk("groups.find_group_for_api", org, env, api) is None
    _counted(sdk, org, env, api)
    sdk("apis.delete_instance", org, env, api)
    assert sdk("apis.list_instances", org, env) == []
    refused = sdk.ask("apis.get_instance", org, env, api)["error"]
    assert "404" in refused


def _apis(sdk: Sdk, org: str, env: str) -> int:
    given = {"technology": "flexGateway", "upstream_url": "http://orders.test/"}
    made = sdk("apis.create_instance", org, env, "orders", "1.0.0", instance_label="edge", **given)
    proxy = "http://0.0.0.0:8081/orders"
    sdk("apis.update_instance", org, env, made["id"], proxy_uri=proxy, instance_label="inner")
    row = ApiInstance.objects.get()
    assert (row.pk, row.label, row.base_path) == (made["id"], "inner", "/orders")
    assert [one["id"] for one in sdk("apis.list_instances", org, env)] == [row.pk]
    assert sdk("apis.get_instance", org, env, row.pk)["instanceLabel"] == "inner"
    return row.pk


def _policies(sdk: Sdk, org: str, env: str, api: int) -> None:
    ips = {"ips": ["10.0.0.0/8"]}
    named = {"policy_template_id": "ip-blocklist", "asset_version": "1.1.1"}
    made = sdk("policies.apply_api_policy_template", org, env, api, configuration=ips, **named)
    assert [one["policyId"] for one in sdk("policies.list_api_policies", org, env, api)] == [made["id"]]
    changed = {"configurationData": {"ips": ["10.7.0.0/16"]}}
    sdk("policies.update_api_policy", org, env, api, made["id"], changed)
    assert PolicyBinding.objects.get().config["ips"] == ["10.7.0.0/16"]
    sdk("policies.delete_api_policy", org, env, api, made["id"])
    assert not PolicyBinding.objects.exists()


def _contracts(sdk: Sdk, org: str, env: str, api: int) -> None:
    tier = sdk("tiers.create_tier", org, env, api, "gold", LIMIT, auto_approve=True)
    sdk("tiers.update_tier", org, env, api, tier["id"], "gold", LIMIT, description="d", auto_approve=True)
    assert [one["description"] for one in sdk("tiers.list_api_tiers", org, env, api)] == ["d"]
    shop = sdk("applications.create", org, "shop", description="of the shop", url="https://shop.test")
    assert shop["clientSecret"]
    sdk("applications.update", org, shop["id"], "shop 2")
    assert [one["name"] for one in sdk("applications.list", org)] == ["shop 2"]

    asked = {"tier_id": tier["id"], "asset_id": "orders", "asset_version": "1.0.0"}
    made = sdk("contracts.create_contract", org, env, api, shop["id"], **asked)
    (listed,) = sdk("contracts.list_api_contracts", org, env, api)
    assert (listed["id"], listed["status"], listed["tierName"]) == (made["id"], "APPROVED", "gold")
    assert "error" in sdk.ask("contracts.delete_contract", org, env, api, made["id"])
    assert sdk("contracts.revoke_contract", org, env, api, made["id"])["status"] == "REVOKED"
    sdk("contracts.delete_contract", org, env, api, made["id"])
    again = sdk("contracts.create_contract", org, env, api, shop["id"], tier_id=tier["id"])
    sdk("contracts.revoke_contract", org, env, api, again["id"])
    sdk("contracts.delete_contract", org, env, api, again["id"])
    sdk("tiers.delete_tier", org, env, api, tier["id"])
    sdk("applications.delete", org, shop["id"])
    assert not Application.objects.exists()


def _automated(sdk: Sdk, org: str, env: str) -> None:
    group = "68ef9520-24e9-4cf2-b2f5-620025690913"
    given = {"group_id": group, "asset_id": "ip-blocklist", "asset_version": "1.1.1"}
    made = sdk(
        "policies.create_automated_policy", org, env, configuration_data={"ips": ["10.0.0.0/8"]}, **given
    )
    (listed,) = sdk("policies.list_environment_automated_policies", org, env)
    assert (listed["id"], listed["assetId"]) == (made["id"], "ip-blocklist")
    sdk("policies.update_automated_policy", org, made["id"], configuration_data={"ips": ["10.7.0.0/16"]})
    told = sdk("policies.get_automated_policy", org, made["id"])
    assert told["configurationData"]["ips"] == ["10.7.0.0/16"]
    sdk("policies.delete_automated_policy", org, made["id"])
    assert sdk("policies.list_environment_automated_policies", org, env) == []


def _counted(sdk: Sdk, org: str, env: str, api: int) -> None:
    """By its gateway, which counted seven."""
    ApiInstance.objects.filter(pk=api).update(gateway=Gateway.objects.get())
    row = ApiInstance.objects.get(pk=api)
    Shipper(row).ship(count(row, 7))
    now = int(time.time() * 1000)
    assert sdk("observability.get_api_request_count", org, env, api, now - 600_000, now + 600_000) == 7
    assert sdk("observability.get_api_request_count", org, env, api, "2026-01-01", "2026-03-31") == 0
    ApiInstance.objects.filter(pk=api).update(gateway=None)
