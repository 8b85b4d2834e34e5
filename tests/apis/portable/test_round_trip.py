"""Exported, imported, exported: byte for byte the same, whatever the API has."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from apis.changes import findings, owners, policies
from apis.models import ApiInstance
from apis.portable.exporting import yaml_of
from apis.portable.making import make
from apis.portable.read import read
from apis.portable.rows import portable_of
from apis.portable.shape import MutedPart, Portable
from apis.portable.updating import update
from apis.portable.wanted import WantedApi
from apis.revisions import export, rows
from console.models import Environment
from gateways.agent.sources import files
from gateways.agent.translate.apis import translate
from gateways.protocol import resources as r
from policies import catalog
from policies.catalog import FOLDER
from tests.apis.changes.test_copies import make_whole
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.factories import make_environment, make_gateway, make_organization, make_tier
from tests.policies import geo_database

pytestmark = pytest.mark.django_db
ACCEPTED = sorted(FOLDER.glob("*/cases/*.yaml"))


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """By policy, the configurations of its accepted cases."""
    countries = tmp_path_factory.mktemp("geo") / "countries.mmdb"
    geo_database.write(countries, {"192.0.2.0/24": "DE"})
    found: dict[str, list[Any]] = {}
    for path in ACCEPTED:
        case = yaml.safe_load(path.read_text())
        if "errors" not in case["expect"]:
            found.setdefault(path.parent.parent.name.replace("_", "-"), []).append(case["given"])
    for config in found.get("geo-filter", []):
        config["database"] = str(countries)
    return found


def elsewhere() -> Environment:
    environment = make_environment(make_organization())
    make_gateway(environment)
    return environment


def filled(whole: Portable, given: Portable) -> Portable:
    """With the secrets of the other, by their keys and paths: somebody wrote them in."""
    secrets = {one.key: one.secrets for one in given.policies}
    some = tuple(
        one.model_copy(update={"secrets": {path: secrets[one.key][path] for path in one.secrets}})
        for one in whole.policies
    )
    return whole.model_copy(update={"policies": some})


def imported(
    place: Place, api: ApiInstance, text: str, environment: Environment | None = None
) -> ApiInstance:
    [whole] = read(text.encode())
    wanted = WantedApi(environment or elsewhere(), filled(whole, portable_of(api, secrets=True)), None)
    return make(place.user, wanted).api


def with_all(place: Place) -> ApiInstance:
    """With everything that the console keeps of an API."""
    api = make_whole(place, label="eu", description="All of it.\n\nIn two lines.")
    make_tier(api, name="Gold", description="For all.")
    make_tier(api, name="Old", status="DEPRECATED", approves_by_itself=True)
    owners.add_owner(place.user, api, "team@example.com")
    found = findings.findings(api).told[0]
    findings.mute_finding(place.user, api, found.code, found.place.id, "Meant so.")
    return api


def test_an_api_with_everything_is_the_same_after_an_import() -> None:
    place = make_place()
    api = with_all(place)
    text = yaml_of([api])

    made = imported(place, api, text)

    assert yaml_of([made]) == text
    assert made.tiers.count() == 2 and made.muted_findings.count() == 1
    assert made.policies.get(policy="http-basic-authentication").is_disabled
    assert "s3cret" not in text and "$" in text


def test_an_update_by_its_own_file_changes_nothing() -> None:
    place = make_place()
    api = with_all(place)
    text = yaml_of([api])
    [whole] = read(text.encode())
    before = list(api.policies.values_list("pk", "secrets"))

    update(place.user, api, WantedApi(place.environment, whole))

    assert yaml_of([api]) == text
    assert list(api.policies.values_list("pk", "secrets")) == before


@pytest.mark.parametrize("policy", [one.name for one in catalog.policies()])
def test_each_policy_is_the_same_after_an_import(policy: str, known: dict[str, list[Any]]) -> None:
    place = make_place()
    api = make_saved_api(place)
    template = catalog.find(policy)
    ids = [one.pk for one in api.upstreams.all()] if template.is_outbound else []
    conditions = [{"methodRegex": "GET|POST", "uriTemplateRegex": "/a.*"}] if template.has_conditions else []
    for config in known[policy][:6]:
        policies.apply_policy(place.user, api, policy, config, conditions=conditions, upstreams=ids)
        if template.is_applied_once:
            break
    text = yaml_of([api])

    made = imported(place, api, text)

    assert yaml_of([made]) == text
    for before, after in zip(api.policies.order_by("pk"), made.policies.order_by("pk"), strict=True):
        assert (after.config, after.secrets) == (before.config, before.secrets)


def test_local_mode_takes_the_file_without_a_fault(tmp_path: Path) -> None:
    place = make_place()
    text = yaml_of([with_all(place)])
    names = set(os.environ)
    (tmp_path / "orders.yaml").write_text(text)
    secrets = {line.split("$")[1].strip(): "s" for line in text.splitlines() if ": $" in line}

    loaded = files.load(tmp_path, dict.fromkeys(names, "x") | secrets)

    assert [str(one) for one in loaded.diagnostics] == []
    assert translate(loaded.resources).faults == ()
    assert len([one for one in loaded.resources if one.kind == "ApiInstance"]) == 1


def test_a_file_says_of_an_api_what_its_gateway_is_told(tmp_path: Path) -> None:
    """Both are made of its rows, the file by names that any environment has."""
    api = with_all(make_place())

    in_file = told(yaml_of([api]), tmp_path / "file")
    to_gateway = told(export.yaml_of_content(api.pk, rows.content_of(api)), tmp_path / "gateway")

    assert in_file == to_gateway
    assert len(in_file) > 6


def told(text: str, folder: Path) -> list[tuple[str, Any]]:
    """What the resources say, in the order in which they act, by addresses in the place of names."""
    folder.mkdir()
    (folder / "api.yaml").write_text(text)
    variables = {line.split("$")[1].strip(): "s" for line in text.splitlines() if ": $" in line}
    found = files.load(folder, variables).resources
    known = {one.metadata.name: str(one.spec.address) for one in found if isinstance(one, r.Service)}
    known |= {one.metadata.name: "the API" for one in found if isinstance(one, r.ApiInstance)}
    acting = sorted(found, key=lambda one: (one.kind, getattr(one.spec, "order", 0)))
    said = [(one.kind, one.spec.model_dump(mode="json", exclude={"order"})) for one in acting]
    by_address = json.dumps(said)
    for name, address in known.items():
        by_address = by_address.replace(json.dumps(name), json.dumps(address))
    return sorted(json.loads(by_address), key=lambda one: (one[0], one[1].get("address", "")))


def test_what_is_muted_twice_in_a_file_is_muted_once() -> None:
    place = make_place()
    [whole] = read(yaml_of([make_whole(place)]).encode())
    muted = MutedPart(code="no-authentication", place="api", reason="Inside.")
    whole = whole.model_copy(update={"muted": (muted, muted)})

    made = make(
        place.user, WantedApi(make_environment(place.environment.organization), whole, parts=frozenset())
    ).api

    assert made.muted_findings.count() == 1
