"""A gateway process in Connected Mode: Envoy, the probes, the stream, heartbeats and the traffic uplink."""

import importlib.metadata
import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from gateways.agent.apply import Applier
from gateways.agent.envoy import health
from gateways.agent.envoy.admin import AdminUnreachable
from gateways.agent.envoy.process import Envoy
from gateways.agent.host import signals, state_folder
from gateways.agent.link import registration
from gateways.agent.link.client import Console, ConsoleRefused, Unreachable
from gateways.agent.link.grants import Grants
from gateways.agent.link.heartbeat import Pulse
from gateways.agent.link.registration import BadRegistration, Registration
from gateways.agent.link.snapshots import Intake
from gateways.agent.link.stream import Stream
from gateways.agent.probes import ProbeServer
from gateways.agent.settings import Proxying, RunSettings
from gateways.agent.traffic.uplink import Uplink
from gateways.protocol.addresses import is_loopback
from gateways.protocol.messages import Heartbeat, ReplicaFacts

CONTRACTS_SECONDS = 2.0
"""For so long at most a start waits for the console."""
LAST_SECONDS = 4.0
LAST_WORDS_SECONDS = 6.0
"""Long enough for what the uplink still ships; a console that hangs hears nothing however long one waits."""
DRAINING_BEAT_SECONDS = 5.0
MOST_WARNINGS, MOST_TOLD, MOST_WORDS = 10, 3, 500
"""The console takes no heartbeat with more warnings."""

log = logging.getLogger(__name__)


def run(settings: RunSettings) -> None:
    """Run until SIGTERM or SIGINT, then drain and return; killed, it leaves Envoy serving.

    Raises BadRegistration, ControlUnavailable, StateInUse, StateUnusable, EnvoyFailed.
    """
    registered = _registration(settings)
    with state_folder.locked(settings.state):
        _claim(settings.state, registered.gateway_id)
        replica = ConnectedReplica(settings, registered)
        stopping = threading.Event()
        signals.on_signals(stopping, replica.hurry)
        replica.start()
        replica.beat_until(stopping)
        replica.stop()


class ConnectedReplica:
    """One replica and its parts; `start`, `beat_until` and `stop` are called once each, in this order."""

    def __init__(self, settings: RunSettings, registered: Registration) -> None:
        self._settings = settings
        self._registration = registered
        self._id = state_folder.replica_id(settings.state)
        self._started_at = datetime.now(UTC)
        self._phase: Literal["running", "draining", "stopped"] = "running"
        self._control_url = ""
        self._envoy = Envoy(
            settings.state,
            self._id,
            concurrency=settings.concurrency,
            drain_seconds=settings.drain_seconds,
            limits=settings.limits,
        )
        self._health = health.Watch(self._envoy.admin)
        self._applier = Applier(self._envoy, _sealing(settings.proxying, registered))
        self._intake = Intake(self._applier, registered.gateway_id, self._id)
        self._applier.documents.changed = self._intake.retry
        self._grants = Grants(self._applier.ledger, settings.state, registered.gateway_id)
        self._console = Console(registered, self._id)
        self._uplink = Uplink(
            settings.state,
            self._console.traffic,
            self._id,
            reopen=self._envoy.reopen_logs,
            stats=self._envoy.admin.stats,
            tells_services=lambda: self._console.knows_services,
        )
        self._control = ProbeServer(is_ready=self.is_ready, is_live=lambda: self._envoy.is_running)
        self._pulse = Pulse(self._console, self._intake, self._grants, self.describe)
        self._stream = Stream(
            self._console, registered, self._intake, self._grants, heartbeat=self._pulse.hurry
        )

    def start(self) -> None:
        """Serve what ran last, whether or not the console is there, and only then listen for news. A contract
        that was revoked meanwhile lets nobody pass, though, if the console is there.
        """
        port = self._control.start(self._settings.control_host, self._settings.control_port)
        self._control_url = _control_url(self._settings, self._registration.console_url, port)
        self._grants.restore()
        self._catch_up_with_contracts()
        self._envoy.start()
        self._intake.restore()
        self._uplink.start()
        self._stream.start()
        log.info(
            "gateway=%s replica=%s name=%s console=%s control=127.0.0.1:%d generation=%d",
            self._registration.name,
            self._id,
            self._settings.name,
            self._registration.console_url,
            port,
            self._applier.generation,
        )

    def beat_until(self, stopping: threading.Event) -> None:
        """Returns at once when it is set: a console that hangs keeps a heartbeat for longer than a drain."""
        failures: list[Exception] = []

        def beat() -> None:
            try:
                while not stopping.is_set():
                    self._pulse.rest(self._pulse.beat())
            except Exception as error:
                failures.append(error)
                stopping.set()

        _background(beat)
        stopping.wait()
        self._pulse.hurry()
        if failures:
            raise failures[0]

    def stop(self) -> None:
        """Drain, ship the last counts, say goodbye, soon after the drain. What is not shipped stays."""
        until = time.monotonic() + self._settings.drain_seconds + LAST_SECONDS
        self._phase = "draining"
        self._stream.stop()
        self._applier.documents.close()
        log.info("replica=%s draining_seconds=%.0f", self._id, self._settings.drain_seconds)
        draining = _background(self._envoy.stop)
        while draining.is_alive() and time.monotonic() < until:
            _background(self._pulse.tell)
            draining.join(min(DRAINING_BEAT_SECONDS, max(0, until - time.monotonic())))
        self._phase = "stopped"
        last_words = [_background(self._pulse.tell), _background(self._uplink.stop)]
        self._control.stop()
        self._applier.authorizer.close()
        self._applier.sharing.close()
        until = min(until, time.monotonic() + LAST_WORDS_SECONDS)
        for one in last_words:
            one.join(max(0.5, until - time.monotonic()))
        log.info("replica=%s stopped=true", self._id)

    def _catch_up_with_contracts(self) -> None:
        if not self._grants.state.generation:
            return
        try:
            self._grants.take(self._console.contracts(CONTRACTS_SECONDS))
        except (Unreachable, ConsoleRefused, ValueError, OSError) as error:
            log.warning("contracts=%d current=unknown reason=%r", self._grants.state.generation, str(error))

    def hurry(self) -> None:
        """Ends the drain; for signal handlers."""
        self._envoy.hurry()

    def is_ready(self) -> bool:
        """Whether Envoy serves at least one API, and is not on its way out."""
        ack = self._applier.last_ack
        serves = ack is not None and any(api.running_generation is not None for api in ack.resources)
        return self._phase == "running" and serves and self._envoy.is_running

    def describe(self) -> Heartbeat:
        facts = self._envoy.facts()
        return Heartbeat(
            replica=ReplicaFacts(
                id=self._id,
                name=self._settings.name,
                version=importlib.metadata.version("gatewright"),
                envoy_version=facts["version"],
                control_url=self._control_url,
                started_at=self._started_at,
            ),
            state=self._phase,
            generation=self._applier.generation,
            digest=self._applier.digest,
            envoy=facts | {"listeners": self._listeners(), **self._upstreams()},
            shed=self._uplink.shed,
            warnings=tuple(islice(self._warnings(), MOST_WARNINGS)),
            stream=self._stream.is_open,
            contracts=self._grants.state if self._console.knows_contracts else None,
        )

    def _warnings(self) -> Iterator[str]:
        if warning := state_folder.low_space(self._settings.state):
            yield warning
        if not self._applier.is_stored:
            yield (
                f"Generation {self._applier.generation} is in force but could not be stored: after a restart "
                "it would begin with an older one."
            )
        yield from self._applier.documents.troubles()
        if trouble := self._applier.sharing.trouble:
            yield trouble
        yield from _first((*self._applier.ungranted, *self._grants.troubles()))

    def _upstreams(self) -> dict[str, Any]:
        found = self._health.told(self._applier.serving)
        return {"upstreams": found} if found else {}

    def _listeners(self) -> list[str]:
        try:
            return list(self._envoy.admin.listeners())
        except AdminUnreachable:
            return []


def _sealing(proxying: Proxying, registered: Registration) -> Proxying:
    """With a key that all replicas of this gateway have, where the settings name none."""
    storage = proxying.shared_storage
    if storage is None or storage.sealing_key:
        return proxying
    return replace(proxying, shared_storage=replace(storage, sealing_key=registered.sealing_key))


def _first(told: Sequence[str]) -> Iterator[str]:
    """As many as a page can show, and how many more there are."""
    yield from (one[:MOST_WORDS] for one in told[:MOST_TOLD])
    if (more := len(told) - MOST_TOLD) > 0:
        yield f"{more} more contracts grant nothing."


def _registration(settings: RunSettings) -> Registration:
    file = registration.find(settings.registration)
    if file is None:
        looked = ", ".join(map(str, settings.registration)) or "nowhere"
        raise BadRegistration(
            f"no {registration.FILE_NAME} (looked in {looked}): make one with `gatewright registration "
            "create`, name it with --registration, or serve a folder with --local DIR"
        )
    registered = registration.read(file)
    if not registered.is_connected:
        raise BadRegistration(
            f"{file} registers for Local Mode: run it with --local DIR, or register with --connected=true"
        )
    return registered


def _claim(folder: Path, gateway_id: str) -> None:
    """A state folder is one gateway's: another's would start with what the first one ran."""
    path = folder / "gateway.json"
    if not path.exists():
        state_folder.write_json(path, {"id": gateway_id})
    owner = state_folder.stored_id(path)
    if not owner:
        raise state_folder.StateUnusable(
            f"{path} is damaged, so whose state folder this is cannot be told; if it is the gateway "
            f"{gateway_id}'s, delete that file, else choose another folder with --state"
        )
    if owner != gateway_id:
        raise state_folder.StateInUse(
            f"state folder {folder} belongs to the gateway {owner}; choose another folder with --state"
        )


def _control_url(settings: RunSettings, console_url: str, port: int) -> str:
    """Where the probes answer, for the console to tell of; empty when that is this machine's own affair."""
    host = settings.control_host
    if is_loopback(f"http://[{host}]" if ":" in host else f"http://{host}"):
        return f"http://{_bracketed(host)}:{port}" if is_loopback(console_url) else ""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not bound
        host = _own_address(console_url)
    return f"http://{_bracketed(host)}:{port}" if host else ""


def _own_address(console_url: str) -> str:
    """This machine's address on the way to the console; asks the kernel, sends nothing."""
    parts = urlsplit(console_url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def _bracketed(host: str) -> str:
    try:
        return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        return host


def _background(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
