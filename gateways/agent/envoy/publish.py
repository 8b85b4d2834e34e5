"""Configuration into a running Envoy through the files it watches, and its word that it took it.

A file's version is the digest of its content, so an unchanged file is not touched, and Envoy's
`version_text` is proof of what is in force.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from gateways.agent.envoy.admin import AdminUnreachable
from gateways.agent.envoy.process import Envoy
from gateways.agent.host import state_folder
from gateways.agent.host.waiting import until
from gateways.agent.xds import kept
from policies.compiled import TYPE_URL

TAKE_SECONDS = 15
WARM_SECONDS, LONGEST_WARM_SECONDS = 2, 20
POLL_SECONDS = 0.005
_CDS, _LDS = "cluster_manager.cds", "listener_manager.lds"
_EXTENSIONS = "extension_config_discovery.http_filter"
_STATS = (
    r"^(cluster_manager\.(cds\.|warming_clusters)|listener_manager\.lds\.|http\.p[0-9]+\.rds\."
    r"|extension_config_discovery\.).*"
)


class Rejected(RuntimeError):
    """Envoy does not take the configuration; the text holds its own words."""


@dataclass(frozen=True)
class EnvoyConfiguration:
    """`route_configs` by port, `clusters` by name, `frames` of scripts by id, `kept_filters` by
    port and place."""

    listeners: Sequence[dict[str, Any]]
    route_configs: Mapping[int, dict[str, Any]]
    clusters: Mapping[str, dict[str, Any]]
    frames: Mapping[str, str]
    kept_filters: Mapping[int, Mapping[int, kept.Chains]]


class Publisher:
    def __init__(self, envoy: Envoy) -> None:
        self._envoy = envoy
        self._folder = envoy.folder
        self._clusters: Mapping[str, dict[str, Any]] | None = None
        self._kept: Mapping[int, Mapping[int, kept.Chains]] = {}
        self._unsynced: set[Path] = set()

    def publish(self, wanted: EnvoyConfiguration) -> None:
        """Clusters old and new first, then routes and listeners, then the old clusters go.

        The routes of a port that is given up are emptied before its listener drains. Raises Rejected.
        """
        running = self._envoy.admin.stats(_STATS)
        rejected = _rejected(running)
        self._write_frames(wanted.frames)
        known, self._clusters = self._clusters, None
        if known is None:
            known = {one["name"]: one for one in self._read("cds.json")}
        both = {**known, **wanted.clusters}
        grown = self._write_clusters(both)
        if running.get(f"{_CDS}.version_text") != grown:
            self._wait({_CDS: grown}, rejected)
            self._wait_until_warm([one for name, one in wanted.clusters.items() if name not in known])
        self._wait(self._grown(wanted.kept_filters, running), rejected)
        versions: dict[str, str] = {}
        given_up = self._ports() - set(wanted.route_configs)
        for port, routes in [*wanted.route_configs.items(), *((port, _empty(port)) for port in given_up)]:
            version = self._write(f"rds-{port}.json", "route.v3.RouteConfiguration", [routes])
            if port in wanted.route_configs:
                versions[f"http.p{port}.rds.p{port}"] = version
        versions[_LDS] = self._write("lds.json", "listener.v3.Listener", wanted.listeners)
        self._wait(versions, rejected)
        if both.keys() != wanted.clusters.keys():
            self._wait({_CDS: self._write_clusters(wanted.clusters)}, rejected)
        self._clusters, self._kept = wanted.clusters, wanted.kept_filters
        kept.places(self._folder).keep(wanted.kept_filters)
        for port in given_up:
            (self._folder / f"rds-{port}.json").unlink(missing_ok=True)
            for place in range(kept.PLACES):
                (self._folder / kept.file_name(port, place)).unlink(missing_ok=True)
        # Envoy reads them from memory: a change that waited for the disk would be live later.
        while self._unsynced:
            state_folder.sync(self._unsynced.pop())

    def _grown(
        self, wanted: Mapping[int, Mapping[int, kept.Chains]], running: Mapping[str, int | str]
    ) -> dict[str, str]:
        """The versions that Envoy is to take, of ports that it serves.

        A file that has all that is wanted stays as it is, whatever more it has: to change it would have the
        others' of its place begin anew. Else what routes name so far goes on until they change.
        """
        versions: dict[str, str] = {}
        for port, place, chains in (
            (port, *one) for port, places in wanted.items() for one in places.items()
        ):
            there = kept.there(self._folder / kept.file_name(port, place))
            if there is not None and chains.keys() <= there.keys():
                continue
            both = {**self._kept.get(port, {}).get(place, there or {}), **chains}
            made = [kept.resource(port, place, both)]
            version = self._write(kept.file_name(port, place), kept.KIND, made)
            name = f"{_EXTENSIONS}.{kept.place_name(port, place)}"
            if f"{name}.version_text" in running:
                versions[name] = version
        return versions

    def _write_frames(self, frames: Mapping[str, str]) -> None:
        """They are few, one for each kind of policy and release, and named by content: none is removed."""
        folder = self._envoy.state / "scripts"
        folder.mkdir(exist_ok=True, mode=0o700)
        for name, text in frames.items():
            state_folder.keep_bytes(folder / f"{name}.lua", text.encode())

    def _read(self, name: str) -> list[dict[str, Any]]:
        try:
            resources: list[dict[str, Any]] = orjson.loads((self._folder / name).read_bytes())["resources"]
            return [{key: value for key, value in one.items() if key != "@type"} for one in resources]
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return []  # A damaged file is one that Envoy does not read either; it is written anew.

    def _ports(self) -> set[int]:
        found = (re.fullmatch(r"rds-([0-9]+)\.json", path.name) for path in self._folder.iterdir())
        return {int(match[1]) for match in found if match}

    def _write_clusters(self, clusters: Mapping[str, dict[str, Any]]) -> str:
        return self._write("cds.json", "cluster.v3.Cluster", [clusters[name] for name in sorted(clusters)])

    def _write(self, name: str, kind: str, resources: Iterable[dict[str, Any]]) -> str:
        """Replaces the file where its content differs; returns the content's version."""
        typed = [{"@type": f"{TYPE_URL}envoy.config.{kind}", **resource} for resource in resources]
        content = orjson.dumps(typed, option=orjson.OPT_SORT_KEYS)
        version = hashlib.sha256(content).hexdigest()[:16]
        path = self._folder / name
        head = b'{"version_info":"%s","resources":' % version.encode()
        if not _begins(path, head, len(head) + len(content) + 1):
            state_folder.replace_bytes(path, b"%s%s}" % (head, content))
            self._unsynced.add(path)
        return version

    def _wait(self, versions: Mapping[str, str], rejected: int) -> None:
        """Waits until Envoy names these versions as its own."""
        missing = dict(versions)
        if not missing:
            return

        def is_taken() -> bool:
            stats = self._stats()
            for name, version in list(missing.items()):
                if stats.get(f"{name}.version_text") == version:
                    del missing[name]
            if missing and _rejected(stats) > rejected:
                raise Rejected(f"Envoy refused the update: {self._envoy.log_tail(800)}")
            return not missing

        if not until(is_taken, TAKE_SECONDS, POLL_SECONDS):
            raise Rejected(f"Envoy did not take {', '.join(sorted(missing))} within {TAKE_SECONDS} s")

    def _wait_until_warm(self, added: Iterable[Mapping[str, Any]]) -> None:
        """Gives names of new upstreams a moment to resolve, and hosts that are asked one to answer, so that
        their first requests do not meet 503: until then Envoy has no such cluster.
        """
        asking = (check for one in added for check in one.get("health_checks", ()))
        longest = max((float(one["timeout"].removesuffix("s")) for one in asking), default=0)
        seconds = max(WARM_SECONDS, min(longest + 1, LONGEST_WARM_SECONDS))
        until(lambda: not self._stats().get("cluster_manager.warming_clusters"), seconds, POLL_SECONDS)

    def _stats(self) -> dict[str, int | str]:
        try:
            return self._envoy.admin.stats(_STATS)
        except AdminUnreachable:
            return {}


def _begins(path: Path, head: bytes, size: int) -> bool:
    """Whether the file has this size and begins so: the version stands first, the rest may be megabytes."""
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size == size and file.read(len(head)) == head
    except FileNotFoundError:
        return False


def _rejected(stats: Mapping[str, int | str]) -> int:
    return sum(int(value) for name, value in stats.items() if name.endswith(".update_rejected"))


def _empty(port: int) -> dict[str, Any]:
    return {"name": f"p{port}", "virtual_hosts": []}
