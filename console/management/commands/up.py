"""`manage.py up`: the whole of Gatewright on this machine, until Ctrl-C."""

import os
import signal
import sys
import threading
import time
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.core.management import BaseCommand

from console import environment, first_start, static_files
from console.front import settings as front_settings
from console.pages.parts import LOCAL_GATEWAY
from console.stack import application, given, local_gateway, places, ports, preflight, servers
from console.stack.application import Addresses
from console.stack.stack_error import StackError
from console.stack.supervisor import Supervisor
from console.stack.waiting import TimedOut, wait_for
from gateways.agents.console_key import check_keys


class Command(BaseCommand):
    help = "Run PostgreSQL, Valkey, the console, its workers and one gateway, until Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="add example APIs and send them traffic")
        parser.add_argument("--logs", action="store_true", help="show what every program writes")

    def handle(self, *args: Any, demo: bool, logs: bool, **options: Any) -> None:
        self.began = time.monotonic()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)
        home: Path = settings.HOME
        try:
            self.password = given.password()
            preflight.check(home)
            with preflight.alone(home):
                self.run(home, demo=demo, logs=logs)
        except StackError as error:
            sys.exit(f"error: {error}")

    def run(self, home: Path, *, demo: bool, logs: bool) -> None:
        """Start everything, watch over it, stop everything."""
        supervisor = Supervisor(home, self.say, self.show if logs else None)
        supervisor.end_leftovers()
        settings.STATIC_ROOT.mkdir(exist_ok=True)
        addresses = _addresses(home)
        try:
            self.start(home, supervisor, addresses, demo=demo)
            while True:
                supervisor.check()
                time.sleep(0.5)
        except KeyboardInterrupt:
            self.say("Stopping; once more Ctrl-C to stop without waiting")
        finally:
            _on_signal(supervisor)
            supervisor.stop()
            local_gateway.end_envoy()
            places.clear(home)
        self.say("Stopped")

    def start(self, home: Path, supervisor: Supervisor, addresses: Addresses, *, demo: bool) -> None:
        """Everything, in the order in which one needs the other; each line says what stands."""
        self.say(f"Starting Gatewright {settings.VERSION}, state folder {home}")
        # gunicorn would do it too, but here the first start has time for it while PostgreSQL starts.
        collecting = threading.Thread(target=static_files.collect, daemon=True)
        collecting.start()
        servers.start(home, supervisor)
        self.say("PostgreSQL and Valkey are ready")
        login = first_start.prepare(home, self.password)
        check_keys(home)
        self.say("The database is up to date")
        collecting.join()

        variables = {
            "GATEWRIGHT_HOME": str(home),
            "GATEWRIGHT_ECHO_URL": addresses.echo,
        }
        folder = LOCAL_GATEWAY.parent
        local_gateway.forget()
        supervisor.start(
            application.front(addresses, variables),
            application.web(addresses, variables),
            application.link(addresses, variables),
            application.worker(variables),
            application.reader(variables),
            application.beat(variables),
            application.echo(addresses, variables),
        )
        wait_for(lambda: _health(addresses) is not None, 60, "The console", supervisor.check)
        self.say("The console answers")
        local_gateway.ensure(folder, addresses.console)
        supervisor.start(application.gateway(folder, variables))
        self.wait_until_healthy(supervisor, addresses)
        if demo:
            supervisor.start(application.demo(variables))
            self.say("Example APIs are being added and sent traffic")
        self.welcome(login, addresses, home)

    def wait_until_healthy(self, supervisor: Supervisor, addresses: Addresses) -> None:
        told: set[str] = set()

        def is_healthy() -> bool:
            parts = _health(addresses) or {}
            for part in sorted(parts):
                if parts[part] == "up" and part not in told:
                    told.add(part)
                    self.say(f"Healthy: {part}")
            return set(parts.values()) == {"up"}

        try:
            wait_for(is_healthy, 60, "Gatewright", supervisor.check)
        except TimedOut as error:
            parts = ", ".join(f"{part}: {state}" for part, state in (_health(addresses) or {}).items())
            raise StackError(f"{error} {parts or 'The console does not answer'}.") from error

    def welcome(self, login: first_start.FirstLogin, addresses: Addresses, home: Path) -> None:
        self.say("Ready")
        with suppress(OSError):
            self._tell(login, addresses, home)

    def _tell(self, login: first_start.FirstLogin, addresses: Addresses, home: Path) -> None:
        self.stdout.write(
            f"\n  Console    {settings.CONSOLE_URL}\n  Log in as  {login.username}, password: {login.told}\n"
            f"  Echo API   {addresses.echo} (an upstream to try things with)\n"
            f"  Logs       {home / 'logs'}\n  Stop       Ctrl-C\n\n"
        )
        self.stdout.flush()

    def say(self, line: str) -> None:
        """Where nobody reads it any more (a full disk, a pipe that was closed), all goes on."""
        with suppress(OSError):
            self.stdout.write(f"{time.monotonic() - self.began:6.1f} s  {line}")
            self.stdout.flush()

    def show(self, name: str, line: str) -> None:
        """A line that a program wrote."""
        with suppress(OSError):
            self.stdout.write(f"{name:>8} | {line}")


def _addresses(home: Path) -> Addresses:
    """Where to listen. Raises StackError when a port is taken that somebody chose."""
    host = os.environ.get("GATEWRIGHT_CONSOLE_HOST") or "127.0.0.1"
    ports.demand(host, settings.CONSOLE_PORT, "GATEWRIGHT_CONSOLE_PORT")
    front = front_settings.read()
    if front.redirect_port:
        ports.demand(host, front.redirect_port, "GATEWRIGHT_REDIRECT_PORT")
    return Addresses(
        host,
        settings.CONSOLE_PORT,
        _echo_port(home),
        link_port=ports.free("127.0.0.1"),
        socket=places.prepare_console(home),
        local_port=_kept_port(home / "console-port", 8088) if front.tls else 0,
    )


def _echo_port(home: Path) -> int:
    """Chosen once, because APIs keep it in their upstreams; a given GATEWRIGHT_ECHO_PORT is demanded."""
    given = os.environ.get("GATEWRIGHT_ECHO_PORT")
    if given:
        port = environment.port("GATEWRIGHT_ECHO_PORT", 0)
        ports.demand("127.0.0.1", port, "GATEWRIGHT_ECHO_PORT")
        return port
    return _kept_port(home / "echo-port", 8089)


def _kept_port(kept: Path, otherwise: int) -> int:
    """The port of the last start, if it is free."""
    port = ports.prefer("127.0.0.1", int(kept.read_text()) if kept.exists() else otherwise)
    kept.write_text(str(port))
    return port


def _health(addresses: Addresses) -> dict[str, str] | None:
    """Each part's state; None while the console does not answer."""
    try:
        return dict(httpx.get(f"{addresses.console}/healthz", timeout=5).json()["parts"])
    except (httpx.HTTPError, ValueError, KeyError):
        return None


def _on_signal(supervisor: Supervisor) -> None:
    """While stopping, a second signal means: now."""

    def hurry(*_: object) -> None:
        supervisor.is_hurried = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, hurry)
