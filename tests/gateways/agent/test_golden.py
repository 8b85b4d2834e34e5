"""Resources and what becomes of them, a file each: `given` documents, what to `show`, what to `expect`.

Write the expectations anew with script/golden, then read the difference as if it were code.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateways.agent.envoy.candidate import compiled
from gateways.agent.settings import Proxying
from gateways.agent.sources.files import load_text
from gateways.agent.translate.apis import translate
from gateways.agent.xds.compiler import Compiler
from gateways.agent.xds.listener import layout

CASES = sorted((Path(__file__).parent / "golden").glob("*.yaml"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case = yaml.safe_load(path.read_text())

    outcome = show(case["given"], case["show"])

    if os.environ.get("GOLDEN") == "write":
        path.write_text(written({**case, "expect": outcome}))
    else:
        assert outcome == case["expect"]


def show(documents: list[dict[str, Any]], parts: list[str]) -> dict[str, Any]:
    loaded = load_text(yaml.safe_dump_all(documents), {})
    assert loaded.is_sound, loaded.diagnostics
    translation = translate(loaded.resources)
    compiler = Compiler(Path("/state"), translation.gateway, Proxying())
    apis, refused = compiled(compiler, translation.gateway.apis)
    ports = sorted({one.api.listener.port for one in apis.values()})
    outcome = {
        "refused": {"/".join(key): reason for key, reason in (translation.refused | refused).items()},
        "faults": [str(fault) for fault in translation.faults],
        "routes": {str(port): compiler.route_config(port, apis.values()) for port in ports},
        "clusters": [made for one in apis.values() for made in one.clusters.values()],
        "listeners": compiler.listeners(list(apis.values())),
    }
    text = {part: json.dumps(outcome[part]).replace(f"/{layout()}/", "/RELEASE/") for part in parts}
    return {part: without_code(json.loads(one)) for part, one in text.items()}


def without_code(value: Any) -> Any:
    """The same without the text of scripts, which are the policies' own."""
    if isinstance(value, dict):
        return {
            key: "..." if key == "inline_string" and "\n" in one else without_code(one)
            for key, one in value.items()
        }
    return [without_code(one) for one in value] if isinstance(value, list) else value


def written(case: dict[str, Any]) -> str:
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return yaml.dump(case, Dumper=Plain, sort_keys=False, width=110, allow_unicode=True)
