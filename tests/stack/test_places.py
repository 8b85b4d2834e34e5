"""Where the embedded servers are found."""

import os
import shutil
import stat
from pathlib import Path
from urllib.parse import unquote

import dj_database_url
import pytest

from console.stack import account, places
from console.stack.stack_error import StackError


def test_addresses_lead_into_the_state_folder() -> None:
    home = Path("/short/with a space")

    database = dj_database_url.parse(places.database_url(home))

    assert database["HOST"] == str(home / "servers" / "run")
    assert unquote(places.redis_url(home)) == f"unix://{home}/servers/run/valkey.sock?db=0"


def test_a_path_too_long_for_a_socket_is_replaced_by_a_short_one() -> None:
    home = Path("/", *["x" * 40] * 4)

    folder = places.sockets(home)

    assert len(os.fsencode(folder / places.LONGEST_SOCKET_NAME)) <= places.SOCKET_PATH_BYTES
    assert folder == places.sockets(home)
    assert folder != places.sockets(home / "other")


def test_the_servers_folders_are_private(tmp_path: Path) -> None:
    servers = places.prepare(tmp_path, None)

    assert stat.S_IMODE(servers.stat().st_mode) == 0o700
    assert stat.S_IMODE((servers / "run").stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make somebody else's folder")
def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "servers").mkdir()
    os.chown(tmp_path / "servers", 12345, 12345)

    with pytest.raises(StackError, match="belongs to somebody else"):
        places._private(tmp_path / "servers", None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers under another account")
def test_the_next_start_finds_the_servers_of_a_state_folder_that_others_cannot_enter(tmp_path: Path) -> None:
    home = tmp_path / "private"
    home.mkdir(mode=0o700)
    who = account.unprivileged(home / "servers")
    assert who and not who.may_use(home)

    first = places.prepare(home, who)
    try:
        again = places.prepare(home, account.unprivileged(home / "servers"))
    finally:
        shutil.rmtree(first)

    assert again == first
    assert first.is_relative_to(places.SHARED)
