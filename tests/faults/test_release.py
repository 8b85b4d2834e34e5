"""A gateway of another release: it works with today's console, and today's takes it over without a loss."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.plugin import DjangoDbBlocker

from apis.changes.policies import apply_policy
from tests.factories import make_actor
from tests.faults import site as sites
from tests.faults.site import Site
from tests.gateways.agent_process import PROJECT
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.envoy]

BEFORE = "ec9fbd2a0382e42a7a97057507ff0174fbeb3177"
"""The release before. Set anew with each release: no more than one is taken over."""


@pytest.fixture(
    scope="module",
    params=["with other listeners", pytest.param("before", marks=[pytest.mark.long])],
)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout of another release."""
    folder = tmp_path_factory.mktemp(request.param.replace(" ", "-"))
    if request.param == "before":
        unpack(BEFORE, folder)
        return folder
    for package in ("gateways", "policies"):
        shutil.copytree(PROJECT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    access_log = folder / "gateways" / "agent" / "xds" / "access_log.py"
    text = access_log.read_text()
    access_log.write_text(text.replace("%REQ(USER-AGENT):120%", "%REQ(USER-AGENT):119%"))
    assert access_log.read_text() != text
    return folder


def unpack(commit: str, folder: Path) -> None:
    """From the repository's own history; skips the test in a copy that has none, or a shallow one."""
    git = ["git", "-C", str(PROJECT)]
    found = shutil.which("git") and subprocess.run(
        [*git, "cat-file", "-e", f"{commit}^{{commit}}"], capture_output=True, check=False
    )
    if not found or found.returncode:
        pytest.skip(f"the history of this checkout does not hold {commit[:7]}")
    archive = folder / "archive.tar"
    subprocess.run([*git, "archive", "--output", str(archive), commit, "gateways", "policies"], check=True)
    shutil.unpack_archive(archive, folder, filter="data")


@pytest.fixture(scope="module")
def site(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
    project: Path,
) -> Iterator[Site]:
    """Today's console, and a gateway that was registered, started and given an API by the other release."""
    folder = tmp_path_factory.mktemp("site")
    with sites.database(django_db_blocker), sites.running(folder, project=project) as running:
        yield running


def test_a_change_reaches_it(site: Site) -> None:
    """By its heartbeat, where it knows no streams."""
    added = site.add_api("more")

    site.deploy(added)

    wait_until(lambda: site.is_applied(added), 30)
    assert site.gateway.status == "connected"


def test_what_it_lacks_is_told(site: Site, project: Path) -> None:
    """It refuses an API with a policy that it does not have, and its other APIs go on."""
    (project / "policies" / "catalog" / "header_removal").rename(project / "header_removal")
    site.agent.stop(signal.SIGKILL)
    site.agent.start()
    lacking = site.add_api("lacking")
    apply_policy(make_actor(), lacking, "header-removal", {"inboundHeaders": ["x-a"]})

    site.deploy(lacking)
    wait_until(lambda: site.state_of(lacking) == "refused", 30)

    assert "header-removal" in site.reason_of(lacking)
    assert site.is_applied(site.api)
    lacking.delete()
    site.deploy()
    wait_until(lambda: site.is_applied(site.api), 30)


def test_todays_release_takes_it_over_without_a_lost_request(site: Site, project: Path) -> None:
    """By another Envoy where listeners or the log differ, and else by the one that runs."""
    envoy, log = site.agent.envoy_pid, site.agent.log
    taken = (f"envoy=adopted pid={envoy}", f"envoy=replaced pid={envoy} reason=release")
    with site.load() as load:
        load.answer(50)
        site.agent.stop(signal.SIGKILL)
        load.answer(30)
        site.agent.project = PROJECT
        site.agent.start()
        wait_until(lambda: any(one in site.agent.log.removeprefix(log) for one in taken), 60)
        load.answer(50)

    assert load.failed == {}
    assert is_running(envoy) == (site.agent.envoy_pid == envoy)
    assert site.agent.envoy_pid != envoy or project.name.startswith("before")
    site.check_account()
    site.deploy()
    wait_until(lambda: site.is_applied(site.api), 30)


def is_running(pid: int) -> bool:
    """One that has ended may still be named, until somebody asks how."""
    command = Path(f"/proc/{pid}/cmdline")
    return command.exists() and command.read_bytes() != b""
