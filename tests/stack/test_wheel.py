"""The gateway alone, as a wheel: it brings no Django, and what it declares is all that it needs."""

import re
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

from tests.faults.local_process import CONFIGURATION
from tests.ports import free_port
from tests.running import PROJECT
from tests.traffic.upstream import echo
from tests.waiting import wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.timeout(180)]

OURS = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
PACKAGES = ("gateways", "policies", "console", "apis", "analytics")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: building writes beside the sources."""
    source = tmp_path_factory.mktemp("source")
    for name in OURS:
        shutil.copy(PROJECT / name, source)
    for name in PACKAGES:
        shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(source / "dist"), str(source))
    (made,) = (source / "dist").glob("gatewright-*.whl")
    return made


@pytest.fixture(scope="module")
def gatewright(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, in an environment that holds the wheel and what it declares, and nothing else."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    _pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    packages = next(folder.glob("lib/python*/site-packages"))
    for needed in _needed(wheel):
        _lend(needed, packages)
    return folder / "bin" / "gatewright"


def test_the_wheel_is_the_gateway_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = [name for name in opened.namelist() if ".dist-info/" not in name]

    assert "policies/catalog/rate_limiting/policy.lua" in names
    assert "policies/expression/grammar.lark" in names
    assert not [name for name in names if "/test_" in name or "/cases/" in name]
    assert {"/".join(name.split("/")[:2]) for name in names} == {
        *(f"gateways/{one}" for one in ("__init__.py", "agent", "protocol")),
        *(
            f"policies/{one}"
            for one in (
                "__init__.py",
                "advice.py",
                "apart.py",
                "compiled.py",
                "order.py",
                "policy.py",
                "repeats.py",
                "traits.py",
                "catalog",
            )
        ),
        *(f"policies/{one}" for one in ("documents", "envoy", "expression", "fields", "scripting")),
        *(f"policies/{one}" for one in ("answers", "contracts", "counting", "introspection", "memory")),
        *(f"policies/{one}" for one in ("graphql", "patterns")),
    }


def test_it_needs_no_django(gatewright: Path) -> None:
    found = subprocess.run(
        [gatewright.with_name("python"), "-c", "import django"], capture_output=True, cwd="/", check=False
    )

    assert found.returncode


@pytest.mark.long
def test_tests_of_agent_protocol_and_policies_need_no_more_than_their_extra(
    gatewright: Path, wheel: Path
) -> None:
    packages = next(gatewright.parent.parent.glob("lib/python*/site-packages"))
    for needed in _needed(wheel, "agent-tests"):
        _lend(needed, packages)

    command = [gatewright.with_name("python"), "-m", "pytest", "--agent", "--collect-only", "-qq"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "tests/traffic/test_policies.py" in done.stdout
    assert "tests/console" not in done.stdout


def test_files_are_validated_in_another_folder(gatewright: Path, tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "docs" / "examples", tmp_path / "conf.d")

    done = subprocess.run(
        [gatewright, "validate", "conf.d"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_folder_is_served(gatewright: Path, tmp_path: Path) -> None:
    port, probe = free_port(), free_port()
    text = CONFIGURATION.replace("PORT", str(port)).replace("PROBE", str(probe))
    (tmp_path / "conf.d").mkdir()
    with echo() as upstream:
        (tmp_path / "conf.d" / "a.yaml").write_text(text.replace("UPSTREAM", upstream.url))
        with (tmp_path / "log").open("wb") as log:
            command = [gatewright, "run", "--local", "conf.d", "--state", "state"]
            process = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
        try:
            wait_until(lambda: _status(port) == 200, 60)
        finally:
            process.terminate()
            process.wait(35)


def _status(port: int) -> int:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/a/x", timeout=5).status_code
    except httpx.HTTPError:
        return 0


def _pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _needed(wheel: Path, extra: str = "") -> list[Distribution]:
    """What the wheel declares, and what that needs in turn, as it is installed here."""
    with zipfile.ZipFile(wheel) as opened:
        (name,) = [one for one in opened.namelist() if one.endswith(".dist-info/METADATA")]
        told = opened.read(name).decode()
    wanted = [Requirement(text) for text in re.findall(r"^Requires-Dist: (.*)$", told, re.MULTILINE)]
    found: dict[str, Distribution] = {}
    while wanted:
        one = wanted.pop()
        is_for_us = one.marker is None or one.marker.evaluate({"extra": extra})
        if is_for_us and one.name not in found:
            found[one.name] = distribution(one.name)
            wanted += [Requirement(text) for text in found[one.name].requires or ()]
    return list(found.values())


def _lend(needed: Distribution, packages: Path) -> None:
    for file in needed.files or ():
        if ".." in file.parts or "__pycache__" in file.parts:
            continue
        target = packages / file
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.symlink_to(Path(str(needed.locate_file(file))).resolve())
