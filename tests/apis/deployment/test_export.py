"""What is exported is taken by Local Mode as it is, and becomes what the console's gateway runs."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from apis.changes import policies
from apis.desired import DesiredRoute, DesiredUpstream
from apis.models import ApiInstance, TlsContext
from apis.revisions import export
from gateways.agent.settings import Proxying
from gateways.agent.sources import files
from gateways.agent.translate.apis import translate
from gateways.agent.xds.compiler import Compiler
from gateways.models import Gateway
from gateways.protocol.resources import AnyResource
from policies import catalog
from policies.catalog import FOLDER
from tests.apis.deployment.snapshots import resources_of
from tests.apis.deployment.test_push import deployed
from tests.factories import make_actor, make_gateway, make_tls_context
from tests.policies import geo_database
from tests.running import PROJECT

pytestmark = pytest.mark.django_db
CASES = [path for path in sorted(FOLDER.glob("*/cases/*.yaml")) if not path.stem.startswith("refused_")]
HOSTILE = (
    *("yes", "1e3", "0x1F", "2020-01-01", "~", "- a: b", "a: b # c", "*x", "&x", "!!str x", "'", '"'),
    *(
        "$HOME",
        "$$HOME",
        "%d",
        "@x",
        "`x`",
        "{a}",
        "[a]",
        "x" * 3000,
        "a" * 99 + " b",
        "é ü",
        "\\n",
        "|",
        ">",
    ),
)
"""Texts that a reader of YAML could take for something else."""


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """By policy, the configurations of its cases."""
    countries = tmp_path_factory.mktemp("geo") / "countries.mmdb"
    geo_database.write(countries, {"192.0.2.0/24": "DE"})
    found: dict[str, list[Any]] = {}
    for path in CASES:
        policy = path.parent.parent.name.replace("_", "-")
        found.setdefault(policy, []).append(yaml.safe_load(path.read_text())["given"])
    key = "an-example-of-a-secret-that-is-long-enough-for-everybody"
    expressions = {
        "jwtExpression": "#[attributes.headers['x-jwt']]",
        "clientIdExpression": "#[vars.claimSet.azp]",
    }
    signed = {
        "signingMethod": "hmac",
        "signingKeyLength": 256,
        "textKey": key,
        "jwtOrigin": "customExpression",
    }
    found["jwt-validation"].append(signed | expressions)
    for config in found["geo-filter"]:
        config["database"] = str(countries)
    found["native-ext-authz"].append(found["native-ext-authz"][0] | {"serverVersion": "v3"})
    return found


def test_every_policy_and_field_is_run_as_the_console_runs_it(
    known: dict[str, list[Any]], tmp_path: Path
) -> None:
    gateway, actor = make_gateway(), make_actor()
    for policy, configs in known.items():
        for number, config in enumerate(configs):
            api = deployed(gateway, actor, f"{policy} {number}", base_path=f"/{policy}-{number}")
            condition = {"methodRegex": "GET|POST", "uriTemplateRegex": "/a.*"}
            entry = catalog.find(policy)
            mode = "observe" if entry.can_observe and number == 1 else "enforce"
            chosen = [one.pk for one in api.upstreams.all()] if entry.is_outbound else []
            rows = [condition] * (entry.has_conditions and number % 2)
            policies.apply_policy(actor, api, policy, config, conditions=rows, upstreams=chosen, mode=mode)

    same(gateway, tmp_path)


def test_every_field_of_every_policy_is_in_one_of_its_cases(known: dict[str, list[Any]]) -> None:
    """Or the round trip would not see it."""
    for policy in catalog.policies():
        used = {name for config in known.get(policy.name, ()) for name in _names(config)}
        assert set(_fields(policy.config.model_json_schema())) <= used, policy.name


def test_all_that_an_api_has_is_run_as_the_console_runs_it(tmp_path: Path) -> None:
    gateway = make_gateway()
    context = make_tls_context(gateway.environment, name="the shop's", alpn=["h2", "http/1.1"])
    context.trusted_ca = context.certificate
    context.requires_client_certificate = True
    context.save()
    trusting = DesiredUpstream("https://one:1/v1", weight=60, tls_context=context)
    routes = [
        DesiredRoute(
            "canary", "GET", "/x(/.*)", headers={"a": "b"}, upstreams=[trusting, to("http://two:2", 40)]
        ),
        DesiredRoute(host="shop[.]example", upstreams=[to("http://three:3")]),
        DesiredRoute("both", path="/y/.*", upstreams=[to("http://two:2/deep/"), to("https://four:4", 0)]),
        DesiredRoute(upstreams=[to("http://two:2/deep/path")]),
    ]
    secure = {"protocol": "https", "port": 8443, "tls_context": context}
    deployed(gateway, make_actor(), routes=routes, response_timeout_ms=1500, **secure)

    same(gateway, tmp_path)


def test_a_text_of_several_lines_is_shown_as_lines() -> None:
    """A script, a schema: people copy it from beside the form."""
    document = {"apiVersion": "v1", "kind": "PolicyBinding", "metadata": {"name": "one"}}
    script = "%dw 2.0\n---\n{success: true}\n"

    text = export.text({**document, "spec": {"config": {"script": script}}})

    assert "    script: |\n      %dw 2.0\n      ---\n      {success: true}\n" in text
    assert yaml.safe_load(text)["spec"]["config"]["script"] == script


def test_no_text_is_taken_for_something_else(tmp_path: Path) -> None:
    gateway, actor = make_gateway(), make_actor()
    api = deployed(gateway, actor, label="yes")
    headers = [{"key": f"x-{number}", "value": text} for number, text in enumerate(HOSTILE)]
    policies.apply_policy(actor, api, "header-injection", {"inboundHeaders": headers})
    for text in ("$HOME", "yes-yes-yes", "- a: b"):
        login = {"username": text.replace(":", ""), "password": text}
        policies.apply_policy(actor, api, "http-basic-authentication", login)

    same(gateway, tmp_path)


def to(uri: str, weight: int = 100) -> DesiredUpstream:
    return DesiredUpstream(uri, weight=weight)


def same(gateway: Gateway, folder: Path) -> None:
    """The files of its APIs' revisions are taken by `gatewright validate`, and Envoy is told the same."""
    apis = list(ApiInstance.objects.filter(gateway=gateway).select_related("revision"))
    source, state = folder / "source", folder / "state"
    source.mkdir()
    for api in apis:
        (source / f"{api.pk}.yaml").write_text(export.yaml_of(api.revision))
    given = dict(environment(apis))

    command = [sys.executable, "-m", "gateways.agent.cli", "validate", str(source)]
    ended = subprocess.run(
        command, check=False, cwd=PROJECT, env=os.environ | given, capture_output=True, text=True
    )
    loaded = files.load(source, given)
    state.mkdir()

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert loaded.diagnostics == ()
    assert compiled(loaded.resources, state) == compiled(resources_of(gateway), state)


def environment(apis: Iterable[ApiInstance]) -> Iterator[tuple[str, str]]:
    """What the files name, and whoever runs them has to have."""
    for context in TlsContext.objects.filter(environment__in={api.environment_id for api in apis}):
        yield export.variable(f"tls {context.name}", "key")[1:], context.key
    for binding in (binding for api in apis for binding in api.policies.all()):
        for path, value in binding.secrets.items():
            yield export.variable(binding.resource_name, path)[1:], value


def compiled(resources: tuple[AnyResource, ...], state: Path) -> dict[str, Any]:
    """By name, so that what differs is told alone."""
    translation = translate(resources)
    assert not [fault for fault in translation.faults if not fault.is_warning]
    compiler = Compiler(state, translation.gateway, Proxying())
    config = compiler.static([compiler.api(api) for api in translation.gateway.apis])
    found = config["static_resources"]
    return {one["name"]: one for one in (*found["listeners"], *found["clusters"])}


def _names(value: Any) -> Iterator[str]:
    """Of all fields, with those of their parts."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield name
            yield from _names(one)
    elif isinstance(value, list):
        for one in value:
            yield from _names(one)


def _fields(schema: Mapping[str, Any]) -> Iterator[str]:
    for model in (schema, *schema.get("$defs", {}).values()):
        yield from model.get("properties", ())
