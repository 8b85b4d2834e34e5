"""What pages say of a gateway's and a replica's state: the words, their tone, and the time behind them."""

from dataclasses import dataclass
from datetime import datetime

from gateways.models import Gateway, Replica


@dataclass(frozen=True)
class StateWords:
    words: str
    tone: str
    title: str = ""


def of_gateway(gateway: Gateway) -> StateWords:
    """`gateway` comes from `with_figures`."""
    live, known = gateway.live_count, gateway.replica_count  # type: ignore[attr-defined]
    if gateway.is_revoked:
        return StateWords("Revoked", "bad", "Its registration works no more")
    if not live and known:
        return StateWords("Disconnected", "bad", "Its replicas went silent without saying goodbye")
    if not live:
        return StateWords("Disconnected", "off", "No replica runs")
    if live < known:
        return StateWords("Connected", "warn", f"{known - live} of {known} replicas went silent")
    return StateWords("Connected", "ok")


SHED = {
    "disk": "the disk of its state folder was full",
    "malformed": "their lines in the access log were damaged",
    "overlong": "their lines in the access log were too long",
    "refused": "the console could not read them",
}


@dataclass(frozen=True)
class ReplicaRow:
    """One replica as the table shows it. `wanted` is the generation its gateway should run."""

    replica: Replica
    wanted: int

    @property
    def state(self) -> StateWords:
        replica = self.replica
        if replica.stopped_at:
            return StateWords("Stopped", "off")
        if not replica.is_connected:
            return StateWords("Disconnected", "bad", "It went silent without saying goodbye")
        if replica.envoy.get("phase") == "draining":
            return StateWords("Draining", "busy", "It is about to stop")
        if replica.envoy_state == "DOWN":
            return StateWords("Envoy down", "bad", "The agent reports, but Envoy does not serve")
        if warnings := replica.envoy.get("warnings"):
            return StateWords("Connected", "warn", " ".join(warnings))
        return StateWords("Connected", "ok")

    @property
    def notes(self) -> list[str]:
        """What its operator should know, as the replica told it with its last heartbeat."""
        if not self.replica.is_connected:
            return []
        told = self.replica.envoy
        shed = [
            f"{_requests(count)} not counted: {SHED.get(reason, reason)}."
            for reason, count in sorted(told.get("shed", {}).items())
        ]
        return [*told.get("warnings", ()), *shed]

    @property
    def last_seen(self) -> datetime:
        return self.replica.stopped_at or self.replica.last_heartbeat_at

    @property
    def is_current(self) -> bool:
        return self.replica.generation == self.wanted


def _requests(count: int) -> str:
    return "1 request was" if count == 1 else f"{count:,} requests were"


def of_replicas(gateway: Gateway) -> list[ReplicaRow]:
    """Those that report first, then by name."""
    rows = [ReplicaRow(replica, gateway.generation) for replica in gateway.replicas.all()]
    return sorted(rows, key=lambda row: (not row.replica.is_connected, row.replica.name, row.replica.pk))
