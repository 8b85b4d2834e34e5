"""A console, a gateway process and an upstream, all real, for the tests of one module to harm."""

import os
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from django.db import connection
from django.db.models import Sum
from django.test import override_settings
from django.test.utils import setup_databases, teardown_databases
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer
from pytest_django.plugin import DjangoDbBlocker

from analytics.models import LogOffset, TrafficWindow
from apis.deployment import status
from apis.models import ApiInstance, Route, RouteUpstream, Upstream
from gateways.agent.envoy.admin import Admin
from gateways.agent.traffic.log_files import LogFiles
from gateways.models import Ack, Gateway, Replica, ResourceStatus
from tests.factories import make_api
from tests.faults.load import Load
from tests.faults.wire import Wire
from tests.gateways import link_process
from tests.gateways.agent_process import PROJECT, AgentProcess
from tests.gateways.pushing import push
from tests.ports import free_port
from tests.traffic.upstream import Echo, EchoServer, echo
from tests.waiting import wait_until

UNFINISHED = r"^(filesystem\.write_total_buffered|http\.p[0-9]+\.downstream_rq_active)$"
"""Envoy's figures for what it has not logged yet, and for what it has logged but not written."""


class Site:
    """`agent` is connected and `api` is in force on it. `seen` counts what the upstream was asked."""

    def __init__(
        self, folder: Path, wire: Wire, upstream: EchoServer, state: Path | None, project: Path
    ) -> None:
        self.wire = wire
        self.upstream = upstream
        self.port = free_port()
        self.loads: list[Load] = []
        self.agent = AgentProcess(folder, wire.url, project).register()
        self.agent.state = state or self.agent.state
        self.agent.start()
        self.api = self.add_api("orders")
        self.deploy()
        wait_until(lambda: self.is_applied(self.api), 30)

    @property
    def gateway(self) -> Gateway:
        return Gateway.objects.get(pk=self.agent.gateway.pk)

    @property
    def replica(self) -> Replica:
        return Replica.objects.get(gateway=self.agent.gateway)

    @property
    def is_serving(self) -> bool:
        """Whether its port is open; asks nothing, so nothing is counted."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def restart(self, *flags: str) -> None:
        """Kill agent and Envoy, as a crash of the machine would, and run it again until it serves."""
        envoy = self.agent.envoy_pid
        self.agent.stop(signal.SIGKILL)
        os.kill(envoy, signal.SIGKILL)
        wait_until(lambda: not self.is_serving)
        self.agent.start(*flags, is_awaited=False)
        wait_until(lambda: self.is_serving, 30)

    def load(self) -> Load:
        """Traffic to `api`; `account` tells of all that was ever made."""
        self.loads.append(Load(self.port, "/orders"))
        return self.loads[-1]

    def add_api(self, name: str, port: int = 0) -> ApiInstance:
        api = make_api(self.gateway, name=name, port=port or self.port)
        target = Upstream.objects.create(api=api, uri=self.upstream.url)
        RouteUpstream.objects.create(route=Route.objects.create(api=api, position=0), upstream=target)
        return api

    def change(self, *apis: ApiInstance) -> None:
        """As saving does: the gateway's next generation is wanted, and these APIs are as it has them."""
        gateway = self.gateway
        gateway.generation += 1
        gateway.save(update_fields=["generation"])
        ApiInstance.objects.filter(pk__in=[api.pk for api in apis]).update(
            changed_generation=gateway.generation
        )

    def deploy(self, *apis: ApiInstance) -> None:
        self.change(*(apis or [self.api]))
        push(self.gateway.pk)

    def is_applied(self, api: ApiInstance) -> bool:
        return self.state_of(api) == "applied"

    def state_of(self, api: ApiInstance) -> str:
        said = ResourceStatus.objects.filter(name=api.resource_name, generation__gte=self.gateway.generation)
        return said.values_list("state", flat=True).first() or ""

    def is_answered(self) -> bool:
        """Whether the replica has said of the wanted generation that it applied it or why not."""
        return Ack.objects.filter(
            deployment__gateway=self.gateway, deployment__generation=self.gateway.generation
        ).exists()

    def reason_of(self, api: ApiInstance) -> str:
        """Why it does not run, as the console tells it."""
        return status.status_of(ApiInstance.objects.get(pk=api.pk)).words

    def counted(self) -> int:
        """The requests of `api` that analytics holds."""
        rows = TrafficWindow.objects.filter(api_id=self.api.pk)
        return rows.aggregate(total=Sum("requests"))["total"] or 0

    def shed(self) -> int:
        """The lines that the replica says were not counted, since it started."""
        return sum(self.replica.envoy.get("shed", {}).values())

    def wait_until_heard(self) -> None:
        """Until a heartbeat says anew that it runs what is wanted: what the console knows may be old."""
        now = timezone.now()
        wait_until(
            lambda: (
                self.replica.last_heartbeat_at > now and self.replica.generation == self.gateway.generation
            ),
            40,
        )

    def wait_until_shipped(self) -> None:
        """Until the console committed each byte of each access log."""
        wait_until(self._is_shipped, 40)

    def wait_until_shipped_so_far(self) -> None:
        """Until the console has counted something, so that all parts are known to work."""
        wait_until(lambda: self.counted() > 0, 20)

    def _is_shipped(self) -> bool:
        if any(Admin(self.agent.state / "admin.sock").stats(UNFINISHED).values()):
            return False
        files = LogFiles(self.agent.state, reopen=lambda: None).files()
        committed = dict(LogOffset.objects.filter(gateway=self.gateway).values_list("file", "committed"))
        return all(committed.get(str(file.id), 0) == file.path.stat().st_size for file in files)

    @property
    def answered(self) -> int:
        return sum(len(load.answered) for load in self.loads)

    @property
    def failed(self) -> int:
        return sum(len(load.failed) for load in self.loads)

    def check_account(self) -> None:
        """What was sent was answered, came to the upstream once and is in analytics once."""
        self.wait_until_shipped()
        assert self.counted() == self.answered
        self.check_upstream()

    def check_upstream(self) -> None:
        """Each request that was answered came to the upstream once, each other one once at most."""
        seen = Counter(path.rpartition("/")[2] for path in self.upstream.seen)  # type: ignore[attr-defined]
        assert {id_: times for id_, times in seen.items() if times > 1} == {}
        assert {id_ for load in self.loads for id_ in load.answered} <= set(seen)


class Noting(Echo):
    """Keeps the paths that it was asked for."""

    def handle_any(self) -> None:
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        super().handle_any()

    do_GET = handle_any


@contextmanager
def running(folder: Path, state: Path | None = None, project: Path = PROJECT) -> Iterator[Site]:
    """Within `database`. The gateway keeps its state in `state`, in `folder` when none is given. It is run
    from the checkout `project`.
    """
    with override_settings(HEARTBEAT_SECONDS=1), echo() as upstream, link_process.running(folder) as link:
        upstream.seen, upstream.RequestHandlerClass = [], Noting  # type: ignore[attr-defined]
        console, streams = LiveServer("127.0.0.1"), Wire(link.port)
        site = None
        try:
            with override_settings(LINK_URL=streams.url):
                site = Site(folder, Wire(console.thread.port, beside=streams), upstream, state, project)
                yield site
        finally:
            if site:
                site.agent.end()
            console.stop()


@contextmanager
def database(blocker: DjangoDbBlocker) -> Iterator[None]:
    """The tests' database for a whole module, emptied after it.

    pytest-django makes it only where a test carries its mark, and that would empty it after each test.
    """
    with blocker.unblock():
        is_made = connection.settings_dict["NAME"].startswith("test_")
        made = [] if is_made else setup_databases(0, interactive=False, aliases={"default"})
        try:
            yield
        finally:
            call_command("flush", interactive=False, verbosity=0)
            teardown_databases(made, 0)
