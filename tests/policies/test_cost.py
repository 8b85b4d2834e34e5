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

    find(file.parent.name.replace("_", "-")).config.model_validate(told["given"])

    assert told.keys() <= {"given", "headers", "body", "contracts", "answers", "hits", "signed_with"}
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


def test_the_costs_that_are_kept_tell_hits_as_hits() -> None:
    settings = {file.parent.name.replace("_", "-"): yaml.safe_load(file.read_text()) for file in MEASURED}
    hits = {name for name, told in settings.items() if told.get("hits")}

    assert "http-caching" in hits
    assert {name for name, one in cost.known().items() if one.upstream_asked is not None} == hits
