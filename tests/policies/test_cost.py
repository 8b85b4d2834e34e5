"""What a policy costs: which settings are measured, and how a figure is told."""

import json
from pathlib import Path

import pytest
import yaml

from gateways.protocol.resources import ContractSpec
from policies import cost
from policies.catalog import FOLDER, find

MEASURED = sorted(FOLDER.glob("*/cost.yaml"))


@pytest.mark.parametrize("file", MEASURED, ids=lambda file: file.parent.name)
def test_what_is_measured_is_a_sound_configuration(file: Path) -> None:
    text = file.read_text()
    for server in ("UPSTREAM", "PROVIDER"):
        text = text.replace(server, "http://127.0.0.1:1")
    told = yaml.safe_load(text)

    find(file.parent.name.replace("_", "-")).config.model_validate(told["given"])

    assert told.keys() <= {"given", "headers", "body", "contracts", "answers"}
    for contract in told.get("contracts", ()):
        ContractSpec.model_validate({"apiId": "orders", **contract})


def test_a_figure_is_told_with_where_it_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    figures = {"rate-limiting": 3.2, "retry": 0.1}
    file.write_text(json.dumps({"at": "2026-11-28", "machine": "2 cores", "microseconds": figures}))

    found = cost.read(file)

    assert [found[name].words for name in figures] == ["3.2 µs", "under 0.5 µs"]
    assert (found["retry"].at, found["retry"].machine) == ("2026-11-28", "2 cores")
    assert cost.read(tmp_path / "nothing.json") == {}
