"""Resources into force: compiled, checked, written for Envoy, acknowledged."""

from collections.abc import Sequence

from gateways.agent.envoy import Envoy
from gateways.agent.protocol import Ack
from gateways.agent.resources import AnyResource
from gateways.agent.settings import Proxying


class StaleSnapshot(Exception):
    """The generation offered is older than the one that runs."""

    def __init__(self, offered: int, running: int) -> None:
        super().__init__(f"generation {offered} is older than {running}, which runs")
        self.offered = offered
        self.running = running


class Applier:
    """Thread-safe; one per state folder."""

    def __init__(self, envoy: Envoy, proxying: Proxying = Proxying()) -> None:  # noqa: B008
        self.envoy = envoy
        self.proxying = proxying

    @property
    def generation(self) -> int:
        """The newest generation taken; 0 when none was."""
        raise NotImplementedError

    @property
    def digest(self) -> str:
        raise NotImplementedError

    @property
    def last_ack(self) -> Ack | None:
        raise NotImplementedError

    def restore(self) -> Ack | None:
        """Applies what this folder applied last, so that a replica serves with the console away."""
        raise NotImplementedError

    def apply(self, resources: Sequence[AnyResource], generation: int, digest: str) -> Ack:
        """Raises StaleSnapshot. Repeating a snapshot is harmless and retries what was refused."""
        raise NotImplementedError
