"""The disk of the state folder is full: traffic is served, and what goes uncounted is told."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.plugin import DjangoDbBlocker

from apis.models import ApiInstance
from tests.factories import make_user
from tests.faults import site as sites
from tests.faults.site import Site
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.envoy]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of 24 MB in memory."""
    if os.geteuid() != 0:
        pytest.skip("a full disk is made with a small tmpfs, which only root can mount")
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "gatewright-test", folder]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this machine lets no tmpfs be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="module")
def site(
    disk: Path,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with sites.database(django_db_blocker), sites.running(folder, disk / "state") as running:
        yield running


def fill(disk: Path) -> Path:
    """Take what is left of it."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (1024 * 1024, 4096, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
    return ballast


def is_refused_for_space(site: Site, added: list[ApiInstance], disk: Path) -> bool:
    """The gateway makes room by dropping old logs; take that, too, and try with one more API."""
    fill(disk)
    added.append(site.add_api(f"late-{len(added)}"))
    site.deploy(added[-1])
    wait_until(site.is_answered, 20)
    return "No space left on device" in site.reason_of(added[-1])


def page(site: Site) -> str:
    client = Client()
    client.force_login(make_user(is_superuser=True))
    return client.get(f"/gateways/{site.gateway.pk}").content.decode()


@pytest.mark.long
def test_full_disk_costs_no_request_and_is_told(site: Site, disk: Path) -> None:
    with site.load() as load:
        load.answer(30)
        site.wait_until_shipped_so_far()
        ballast = fill(disk)
        load.answer(200)
        wait_until(lambda: bool(site.replica.envoy["warnings"]), 20)
        page_then = page(site)
        late: list[ApiInstance] = []
        wait_until(lambda: is_refused_for_space(site, late, disk), 30)
        ballast.unlink()
        wait_until(lambda: all(site.is_applied(api) for api in late), 40)
        load.answer(30)

    assert load.failed == {}
    assert "make room, or traffic goes uncounted" in page_then
    wait_until(lambda: site.counted() + site.shed() == site.answered, 30)
    assert site.shed() > 0
    assert "not counted: the disk of its state folder was full" in page(site)
    site.check_upstream()
