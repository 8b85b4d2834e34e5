"""What a real Envoy says about configurations that it refuses."""

from pathlib import Path
from typing import Any

import pytest

from gateways.agent import state
from gateways.agent.verdict import verdict, without_dumps

pytestmark = pytest.mark.envoy


def clusters(*given: dict[str, Any]) -> dict[str, Any]:
    return {"static_resources": {"clusters": list(given)}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    state.prepare(tmp_path)
    return tmp_path


def test_sound_configuration_has_no_verdict(folder: Path) -> None:
    assert verdict(folder, clusters({"name": "a"})) is None
    assert not list((folder / "envoy").iterdir())


def test_verdict_names_the_field_and_keeps_secrets(folder: Path) -> None:
    refused = clusters(
        {
            "name": "a",
            "alt_stat_name": "s3cret",
            "lb_subset_config": {},
            "outlier_detection": {"max_ejection_percent": 200},
        }
    )

    said = verdict(folder, refused)

    assert said == "MaxEjectionPercent: value must be less than or equal to 100"


def test_verdict_on_an_unknown_field_is_envoy_s_own(folder: Path) -> None:
    said = verdict(folder, clusters({"nome": "a"}))

    assert said is not None
    assert "no such field: 'nome'" in said


def test_log_is_told_without_what_envoy_dumps_into_it() -> None:
    log = 'first\nrejected: goo.gle/debugonly\nkey: "s3cret"\nvalue {\n}\n: Proto constraint failed\nlast'

    assert without_dumps(log) == "first\nrejected: Proto constraint failed\nlast"
    assert without_dumps(log[:40]) == "first\nrejected: "
