"""The unmodified command line of Anypoint against Gatewright: each command, and what it does at a gateway.

It runs where the command line is there: GATEWRIGHT_ANYPOINT_CLI names it, or it is on the PATH (npm's package
anypoint-cli-v4). It speaks to nobody but the Gatewright of this test.
"""

import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from console.stack import ports
from console.stack.waiting import wait_for
from tests import certificates
from tests.running import GIVEN, PASSWORD, Stack

PROGRAM = os.environ.get("GATEWRIGHT_ANYPOINT_CLI") or shutil.which("anypoint-cli-v4")
pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(600),
    pytest.mark.skipif(PROGRAM is None, reason="no anypoint-cli-v4 on this machine"),
]
LIMIT = json.dumps({"rateLimits": [{"maximumRequests": 2, "timePeriodInMilliseconds": 3_600_000}]})


@dataclass
class Cli:
    stack: Stack
    home: Path

    def __call__(self, *words: object, environment: str = "Sandbox", code: int = 0) -> Any:
        """What it printed as JSON, or as text where it prints no JSON."""
        assert PROGRAM
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home),
            "ANYPOINT_HOST": f"localhost:{self.stack.port}",
            "NODE_EXTRA_CA_CERTS": self.stack.variables["GATEWRIGHT_TLS_CERT"],
            "ANYPOINT_USERNAME": self.stack.username,
            "ANYPOINT_PASSWORD": PASSWORD,
            "ANYPOINT_ENV": environment,
        }
        form = [] if words[0] == "account:environment:delete" else ["-o", "json"]
        command = [PROGRAM, *map(str, words), *form]
        done = subprocess.run(
            command, env=variables, capture_output=True, text=True, timeout=60, check=False, cwd=self.home
        )
        told = f"{' '.join(command[1:])}\n{done.stdout}\n{done.stderr}"
        assert done.returncode == code, told
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gatewright-", dir="/tmp") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificates.write(certificate, key)
    stack = Stack(folder / "home")
    stack.variables = {
        "GATEWRIGHT_TLS_CERT": str(certificate),
        "GATEWRIGHT_TLS_KEY": str(key),
        "GATEWRIGHT_REDIRECT_PORT": str(ports.free("127.0.0.1")),
    }
    stack.start(until="Healthy: gateway")
    yield stack
    stack.stop()


@pytest.fixture(scope="module")
def console(stack: Stack) -> Iterator[httpx.Client]:
    """REST with a token of the administrator, who has chosen a password."""
    context = ssl.create_default_context(cafile=stack.variables["GATEWRIGHT_TLS_CERT"])
    base = f"https://localhost:{stack.port}"
    with httpx.Client(base_url=base, verify=context, timeout=30, headers={"Referer": base}) as client:
        for path, fields in (
            ("/login", {"username": stack.username, "password": GIVEN}),
            ("/password", {"new_password1": PASSWORD, "new_password2": PASSWORD}),
        ):
            client.get(path)
            sent = client.post(path, data={**fields, "csrfmiddlewaretoken": client.cookies["csrftoken"]})
            assert sent.status_code == 302, sent.text
        body = {"username": stack.username, "password": PASSWORD}
        token = client.post("/accounts/login", json=body).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        client.cookies.clear()
        yield client


@pytest.fixture(scope="module")
def cli(stack: Stack, folder: Path, console: httpx.Client) -> Cli:
    home = folder / "cli"
    home.mkdir()
    return Cli(stack, home)


@pytest.fixture(scope="module")
def places(console: httpx.Client) -> dict[str, str]:
    """The organization, the environment Sandbox, and its gateway."""
    organization = console.get("/accounts/api/users/me").json()["organization"]["id"]
    environments = console.get(f"/accounts/api/organizations/{organization}/environments").json()["data"]
    environment = next(one["id"] for one in environments if one["name"] == "Sandbox")
    targets = f"organizations/{organization}/environments/{environment}/gateway-targets"
    gateway = console.get(f"/apimanager/xapi/v1/{targets}").json()["data"][0]["id"]
    return {"organization": organization, "environment": environment, "gateway": gateway}


@pytest.fixture(scope="module")
def am(places: dict[str, str]) -> str:
    scope = f"organizations/{places['organization']}/environments/{places['environment']}"
    return f"/apimanager/api/v1/{scope}/apis"


@pytest.fixture(scope="module")
def api(cli: Cli, stack: Stack) -> int:
    """One that is managed by the command line, and not deployed yet."""
    told = cli(
        *("api-mgr:api:manage", "orders", "1.0.0", "--isFlex", "--withProxy", "--type", "http"),
        *("--scheme", "http", "--port", stack.api_port, "--path", "/orders", "--uri", stack.echo_url + "/"),
        *("--apiInstanceLabel", "edge"),
    )
    return id_in(told)


def id_in(told: Any) -> int:
    found = re.search(r'ID:? "?(\d+)', json.dumps(told).replace("\\", ""))
    assert found, told
    return int(found[1])


def status(stack: Stack, path: str = "/orders/1", **headers: str) -> int:
    try:
        url = f"http://127.0.0.1:{stack.api_port}{path}"
        return httpx.get(url, headers=headers, timeout=5).status_code
    except httpx.HTTPError:
        return 0


def becomes(stack: Stack, wanted: int, path: str = "/orders/1") -> None:
    wait_for(lambda: status(stack, path) == wanted, 20, f"{wanted} at {path}")


def test_accounts(cli: Cli) -> None:
    assert cli("account:user:describe")["username"] == "walker"
    assert "Default" in json.dumps(cli("account:business-group:list"))
    assert "Default" in json.dumps(cli("account:business-group:describe", "Default"))
    cli("account:environment:create", "Staging", "--type", "sandbox")
    assert "Staging" in json.dumps(cli("account:environment:list"))
    assert "Staging" in json.dumps(cli("account:environment:describe", "Staging"))
    cli("account:environment:delete", "Staging")
    assert "Staging" not in json.dumps(cli("account:environment:list"))


def test_an_api_is_managed_deployed_and_described(cli: Cli, api: int, stack: Stack, places: Any) -> None:
    assert str(api) in json.dumps(cli("api-mgr:api:list"))
    cli("api-mgr:api:deploy", api, "--target", places["gateway"])
    becomes(stack, 200)
    described = json.dumps(cli("api-mgr:api:describe", api))
    assert "orders" in described
    edited = f"--withProxy --scheme http --port {stack.api_port} --uri {stack.echo_url}/ --type http --isFlex"
    cli("api-mgr:api:edit", api, *edited.split(), "--deploymentType", "hybrid", "--path", "/o2")
    becomes(stack, 200, "/o2/1")
    cli("api-mgr:api:edit", api, *edited.split(), "--deploymentType", "hybrid", "--path", "/orders")
    becomes(stack, 200)
    cli("api-mgr:api:redeploy", api)
    cli("api-mgr:api:deprecate", api)
    cli("api-mgr:api:undeprecate", api)
    cli("api-mgr:api:change-specification", api, "1.0.1")
    assert "1.0.1" in json.dumps(cli("api-mgr:api:describe", api))
    assert str(api) in json.dumps(cli("api-mgr:api:autodiscovery", api, "3.9.0"))


def test_a_proxy_is_downloaded(cli: Cli, api: int, folder: Path) -> None:
    goal = folder / "proxies"
    goal.mkdir()

    cli("api-mgr:api:download-proxy", api, goal)

    assert [one.suffix for one in goal.iterdir()] == [".zip"]


def test_policies(cli: Cli, api: int, stack: Stack) -> None:
    assert "rate-limiting" in json.dumps(cli("api-mgr:policy:list", "-m"))
    version = next(one for one in cli("api-mgr:policy:list", "-m") if "rate-limiting" in json.dumps(one))
    number = next(str(value) for key, value in version.items() if "ersion" in key)
    described = cli("api-mgr:policy:describe", "rate-limiting", "--policyVersion", number)
    assert "rateLimits" in json.dumps(described)
    first = id_in(cli("api-mgr:policy:apply", api, "rate-limiting", "-c", LIMIT))
    wait_for(lambda: status(stack) == 429, 20, "429")
    cli("api-mgr:policy:disable", api, first)
    becomes(stack, 200)
    cli("api-mgr:policy:enable", api, first)
    wait_for(lambda: status(stack) == 429, 20, "429")
    more = LIMIT.replace(": 2,", ": 1000,")
    cli("api-mgr:policy:edit", api, first, "-c", more)
    becomes(stack, 200)
    second = id_in(cli("api-mgr:policy:apply", api, "ip-blocklist", "-c", json.dumps({"ips": ["10.9.9.9"]})))
    cli("api-mgr:policy:order", api, f"{second},{first}", "--commaSeparated")
    listed = json.dumps(cli("api-mgr:policy:list", api))
    assert listed.index(str(second)) < listed.index(str(first)) or "order" not in listed
    cli("api-mgr:policy:remove", api, second)
    cli("api-mgr:policy:remove", api, first)


def test_upstreams(cli: Cli, api: int, console: httpx.Client, am: str, stack: Stack) -> None:
    cli("api-mgr:upstream:add", api, f"{stack.echo_url}/spare/", "--label", "spare")
    upstreams = console.get(f"{am}/{api}/upstreams").json()["upstreams"]
    spare = next(one["id"] for one in upstreams if one["label"] == "spare")
    cli("api-mgr:upstream:edit", api, spare, "--label", "other")
    assert "other" in console.get(f"{am}/{api}/upstreams").text
    cli("api-mgr:upstream:bulk-edit", api, "--tlsContextId", "null")
    cli("api-mgr:upstream:list", api)
    cli("api-mgr:upstream:delete", api, spare)
    assert "other" not in console.get(f"{am}/{api}/upstreams").text


def test_tiers_and_contracts(cli: Cli, api: int, console: httpx.Client, am: str, places: Any) -> None:
    tier = id_in(cli("api-mgr:tier:add", api, "--name", "gold", "-l", "true,2,hr", "-a"))
    assert "gold" in json.dumps(cli("api-mgr:tier:list", api))
    where = (
        "--isFlex --withProxy --type http --scheme http --port 8999 --path /second --uri http://127.0.0.1:1/"
    )
    other = id_in(cli("api-mgr:api:manage", "second", "1.0.0", *where.split()))
    cli("api-mgr:tier:copy", api, other)
    assert "gold" in json.dumps(cli("api-mgr:tier:list", other))
    applications = f"/exchange/api/v2/organizations/{places['organization']}/applications"
    made = console.post(applications, json={"name": "Web shop"}).json()
    contract = console.post(
        f"{am}/{api}/contracts", json={"applicationId": made["id"], "requestedTierId": tier}
    )
    assert contract.status_code == 201, contract.text
    assert "Web shop" in json.dumps(cli("api-mgr:contract:list", api))
    revoked = {"status": "REVOKED"}
    assert console.patch(f"{am}/{api}/contracts/{contract.json()['id']}", json=revoked).status_code == 200
    cli("api-mgr:contract:delete", api, made["clientId"])
    assert "Web shop" not in json.dumps(cli("api-mgr:contract:list", api))
    cli("api-mgr:tier:delete", api, tier)
    cli("api-mgr:api:delete", other)


def test_alerts(cli: Cli, api: int) -> None:
    busy = "--severity info --type request-count --operator ab --threshold 10 --periods 1"
    told = "--email a@example.com --subject s --message m"
    cli("api-mgr:alert:add", api, "Busy", *busy.split(), *told.split())
    assert "Busy" in json.dumps(cli("api-mgr:alert:list", api))
    errors = "--severity Info --type response-code --responseCode 500 --operator gt --threshold 10"
    when = "--periods 1 --duration 5 --durationUnit minutes --email a@example.com --enabled"
    cli("api-mgr:alert:add-legacy", api, "Errors", *errors.split(), *when.split())
    assert "Errors" in json.dumps(cli("api-mgr:alert:list-legacy", api))


def test_promotion_and_classification(cli: Cli, api: int, places: Any) -> None:
    cli("api-mgr:api:promote", api, places["environment"], environment="Production")
    [promoted] = [one["id"] for one in cli("api-mgr:api:list", environment="Production")]
    cli("api-mgr:api:classify", "Sandbox", promoted, environment="Production")
    assert promoted in [one["id"] for one in cli("api-mgr:api:list")]


def test_an_api_is_deleted(cli: Cli, api: int, stack: Stack) -> None:
    cli("api-mgr:api:delete", api)
    wait_for(lambda: status(stack) in (0, 404), 20, "404")
