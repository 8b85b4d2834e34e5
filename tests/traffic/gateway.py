"""A real Envoy that runs YAML resources through our own `apply`, for traffic tests anywhere.

    with running_gateway(YAML, tmp_path) as gw:
        assert gw.get("/orders", headers={"x-a": "1"}).status_code == 200

`${port}` in the text is the gateway's free port on 127.0.0.1, `${port2}` another one, `${upstream}` the
address of an echo upstream that answers with JSON of what it was asked (see `upstream.Echo`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any

import httpx

from gateways.agent.apply import Applier
from gateways.agent.envoy import health
from gateways.agent.envoy.process import Envoy
from gateways.agent.settings import Limits, Proxying
from gateways.agent.sources.files import load_text
from gateways.agent.traffic.labels import Labels, TrafficLabels, catalog_refusals
from gateways.agent.xds import access_log
from gateways.protocol.messages import Ack
from gateways.protocol.resources import digest
from tests.ports import free_port
from tests.traffic.upstream import EchoServer, echo
from tests.waiting import wait_until


class Gateway:
    """`client` keeps its connections open between requests."""

    def __init__(self, envoy: Envoy, upstream: EchoServer, proxying: Proxying) -> None:
        self.envoy = envoy
        self.applier = Applier(envoy, proxying)
        self.upstream = upstream
        self.names = {"port": free_port(), "port2": free_port(), "upstream": upstream.url}
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.names['port']}", trust_env=False)

    @property
    def port(self) -> int:
        return int(self.names["port"])

    def apply(self, yaml_text: str, generation: int | None = None) -> Ack:
        """Brings the text's resources into force, as the next generation if none is given."""
        loaded = load_text(Template(yaml_text).safe_substitute(self.names))
        assert loaded.is_sound, [str(one) for one in loaded.diagnostics]
        chosen = self.applier.generation + 1 if generation is None else generation
        return self.applier.apply(loaded.resources, chosen, digest(loaded.resources))

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.client.request(method, path, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get(path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.client.post(path, **options)

    def health(self) -> health.UpstreamStates:
        """What a heartbeat tells of the upstreams that Envoy asks."""
        return health.of_upstreams(self.envoy.admin, self.applier.serving)

    def log(self, entries: int = 1) -> list[access_log.Key | None]:
        """What the access log's lines are counted by, once it holds so many."""
        return [access_log.key(access_log.fields(line)[1]) for line in self._lines(entries)]

    def counted(self, entries: int = 1) -> list[TrafficLabels]:
        """What analytics count the lines by."""
        labels = Labels(catalog_refusals())
        found = [labels.group(b"", access_log.fields(line)[1]) for line in self._lines(entries)]
        return [one[0] for one in found if one]

    def reasons(self, entries: int = 1) -> list[list[str]]:
        """Of each line why the request was refused, or would have been where policies only observe."""
        found = []
        for line in self._lines(entries):
            key = access_log.key(access_log.fields(line)[1])
            assert key is not None
            entry = access_log.entry(line, key)
            found.append([entry.reason] if entry.reason else [one.reason for one in entry.observed])
        return found

    def _lines(self, entries: int) -> list[bytes]:
        path = self.envoy.state / "access.log"
        lines: list[bytes] = []

        def is_written() -> bool:
            lines[:] = path.read_bytes().splitlines() if path.exists() else []
            return len(lines) >= entries

        wait_until(is_written)
        return lines


@contextmanager
def running_gateway(
    yaml_text: str,
    tmp_path: Path,
    *,
    concurrency: int = 1,
    proxying: Proxying | None = None,
    limits: Limits | None = None,
) -> Iterator[Gateway]:
    """Fails the test where an API is refused. With an empty text, nothing is applied yet."""
    envoy = Envoy(tmp_path / "state", "test-replica", concurrency=concurrency, drain_seconds=1, limits=limits)
    with echo() as upstream:
        envoy.start()
        gateway = Gateway(envoy, upstream, proxying or Proxying())
        try:
            if yaml_text:
                ack = gateway.apply(yaml_text)
                assert ack.applied, ack.reason
                assert not [one for one in ack.resources if one.reason], ack.resources
            yield gateway
        finally:
            gateway.client.close()
            gateway.applier.documents.close()
            gateway.envoy.hurry()
            gateway.envoy.stop()
            gateway.applier.authorizer.close()
            gateway.applier.sharing.close()
