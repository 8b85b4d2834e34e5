"""What a policy costs: which settings are measured, and how a figure is told."""

import json
from pathlib import Path

import pytest
import yaml

from bench.policies import PLAIN, Measured, figures
from gateways.protocol.resources import ContractSpec
from policies import cost
from policies.catalog import FOLDER, find

MEASURED = sorted(FOLDER.glob("*/cost.yaml"))


@pytest.mark.parametrize("file", MEASURED, ids=lambda file: file.parent.name)
def test_what_is_measured_is_a_sound_configuration(file: Path) -> None:
    text = file.read_text()
    for server in ("UPSTREAM", "PROVIDER"):
        text = text.replace(server, "http://127.0.0.1:1")
    text = text.replace("COUNTRIES", "/countries.mmdb").replace("DIRECTORY", "ldap://127.0.0.1:1")
    told = yaml.safe_load(text)

    config = find(file.parent.name.replace("_", "-")).config
    for given in (told["given"], told["given"] | told.get("remembered", {})):
        config.model_validate(given)

    known = {"given", "headers", "body", "contracts", "answers", "hits", "signed_with", "remembered"}
    assert told.keys() <= known | {"because"}
    for contract in told.get("contracts", ()):
        ContractSpec.model_validate({"apiId": "orders", **contract})


def test_a_figure_is_told_with_where_it_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    more = {"rate-limiting": 3.2, "retry": 0.1}
    kept = {"without": 51.1, "microseconds": more, "hits": {"http-caching": 47.7}}
    file.write_text(json.dumps({"at": "2026-11-28", "machine": "2 cores", **kept}))

    found = cost.read(file)

    assert [found[name].words for name in more] == ["3.2 µs a request", "under 0.5 µs a request"]
    assert found["retry"].told == "under 0.5 µs of CPU a request"
    assert (found["retry"].at, found["retry"].machine) == ("2026-11-28", "2 cores")
    assert cost.read(tmp_path / "nothing.json") == {}


def test_a_hit_is_told_as_all_that_it_takes(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    names = ("http-caching", "cors")
    measured = [Measured(name, find(name), {"hits": name == "http-caching"}) for name in names]
    least = {PLAIN: 51.05, "http-caching": 47.74, "cors": 70.2}
    file.write_text(json.dumps({"at": "2026-11-28", "machine": "2 cores", **figures(least, measured)}))

    hit = cost.read(file)["http-caching"]

    assert hit.words == "47.7 µs a hit, in all"
    assert hit.told == (
        "47.7 µs of CPU a hit, in all; a request without the policy, which asks the upstream, takes 51 µs"
    )
    assert cost.read(file)["cors"].words == "19.2 µs a request"


def test_what_is_remembered_is_told_beside_what_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    asks = Measured("native-ext-authz", find("native-ext-authz"), {})
    remembers = Measured("remembering", find("native-ext-authz"), {}, is_remembered=True)
    least = {PLAIN: 29.0, "native-ext-authz": 50.5, "remembering": 37.4}
    kept = figures(least, [asks, remembers])
    file.write_text(json.dumps({"at": "2026-11-28", "machine": "2 cores", **kept}))

    (found,) = cost.read(file).values()

    assert found.words == "21.5 µs a request, 8.4 µs remembered"
    assert found.told == "21.5 µs of CPU a request, and 8.4 µs where its answer is remembered"


def test_why_one_takes_much_is_told_with_its_figure(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    told = {"because": "each request is sent twice"}
    mirroring = Measured("traffic-mirroring", find("traffic-mirroring"), told)
    kept = figures({PLAIN: 29.0, "traffic-mirroring": 45.5}, [mirroring])
    file.write_text(json.dumps({"at": "2026-11-28", "machine": "2 cores", **kept}))

    found = cost.read(file)["traffic-mirroring"]

    assert found.words == "16.5 µs a request: each request is sent twice"
    assert found.told == "16.5 µs of CPU a request: each request is sent twice"


def test_the_costs_that_are_kept_tell_hits_as_hits() -> None:
    settings = {file.parent.name.replace("_", "-"): yaml.safe_load(file.read_text()) for file in MEASURED}
    hits = {name for name, told in settings.items() if told.get("hits")}

    assert "http-caching" in hits
    assert {name for name, one in cost.known().items() if one.upstream_asked is not None} == hits
