"""A throw-away gateway: what would happen to this request, told by the Envoy that it goes through."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from gateways.agent.authorizer.process import Authorizer
from gateways.agent.envoy import candidate
from gateways.agent.envoy.validate import Judge
from gateways.agent.host import secret_files
from gateways.agent.rehearsal import envoy, verdicts
from gateways.agent.rehearsal.caller import CallOutcome, call
from gateways.agent.rehearsal.isolated import UPSTREAMS, entrance, isolated
from gateways.agent.rehearsal.marks import MarkingCompiler
from gateways.agent.rehearsal.played_documents import PlayedDocuments
from gateways.agent.rehearsal.player import NOBODY, Peer, Player
from gateways.agent.rehearsal.veil import Veil
from gateways.agent.rehearsal.verdicts import Absent, CallFacts
from gateways.agent.settings import Proxying
from gateways.agent.translate import ir
from gateways.agent.translate.apis import Translation, translate
from gateways.agent.translate.index import Key
from gateways.agent.xds.compiled_api import CompiledApi
from gateways.agent.xds.compiler import Compiler
from gateways.protocol.addresses import BadAddress, listener_address
from gateways.protocol.faults import Fault
from gateways.protocol.rehearsal import Foreseen, Played, Request, Verdict
from gateways.protocol.resources import TITLE, AnyResource, ApiInstance
from policies import catalog
from policies.contracts.memory import Book

TOLD_SECONDS, UNTOLD_SECONDS = 5, 0.25
"""How long Envoy's word is waited for where there was an answer, and where there was none."""


class NoPort(ValueError):
    """The request names no port, and there are several."""


class Rehearsal:
    """A context manager; requests are tried one after another, in whatever thread.

    Counters of policies begin at zero and count on from request to request. `held` are APIs that are not
    served, each with the reason; `place` says where a fault is. `answers` are played where a request has
    none of its own that fits, and make the documents that policies need, such as key sets. One that
    `is_bare` has no policies on requests.
    """

    def __init__(
        self,
        resources: Sequence[AnyResource],
        proxying: Proxying | None = None,
        held: Mapping[Key, str] = MappingProxyType({}),
        place: Callable[[Fault], str] = str,
        answers: Sequence[Played] = (),
        *,
        compiler: type[Compiler] = MarkingCompiler,
        is_bare: bool = False,
    ) -> None:
        self._compiler = compiler
        self._resources = resources
        self._proxying = proxying or Proxying()
        self._held = held
        self._place = place
        self._answers = answers
        self._is_bare = is_bare
        self._bare: Rehearsal | None = None
        self._lock = threading.Lock()
        self._open = ExitStack()
        self._served: dict[Key, CompiledApi] = {}
        self._absent: tuple[Absent, ...] = ()
        self._envoy: envoy.ThrowAwayEnvoy | None = None

    def __enter__(self) -> Self:
        """Raises NotStarted."""
        with self._open as opened:
            self._folder = opened.enter_context(envoy.folder())
            self._start()
            self._open = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def folder(self) -> Path:
        """Its own, where its Envoy runs."""
        return self._folder

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(sorted({one.api.listener.port for one in self._served.values()}))

    @property
    def absent(self) -> tuple[Absent, ...]:
        """The APIs that are not served, and why."""
        return self._absent

    @property
    def pid(self) -> int | None:
        """The process id of its Envoy."""
        return self._envoy.pid if self._envoy else None

    def ask(self, request: Request, answers: Sequence[Played] = (), *, foresees: bool = False) -> Verdict:
        """Raises NoPort."""
        with self._lock:
            began = time.monotonic()
            port = request.port or self._only_port()
            facts = self._facts(request, port, answers)
            verdict = verdicts.verdict(request, port, facts, self._apis, self._absent)
            verdict = self._veil.over(verdict, request)
            if foresees and verdict.sent is None and verdict.outcome in ("refused", "answered"):
                verdict = verdict.model_copy(update={"foreseen": self._foreseen(request, port)})
            took_ms = round((time.monotonic() - began) * 1000, 1)
            return verdict.model_copy(update={"milliseconds": took_ms})

    def _foreseen(self, request: Request, port: int) -> Foreseen | None:
        """By another gateway, of the same resources without policies, which is kept for the next request."""
        if self._bare is None:
            bare = Rehearsal(self._resources, self._proxying, self._held, is_bare=True)
            try:
                self._bare = self._open.enter_context(bare)
            except envoy.NotStarted:
                return None
        sent = self._bare.ask(request.model_copy(update={"port": port})).sent
        return Foreseen(upstream=sent.upstream, target=sent.target) if sent else None

    @property
    def _apis(self) -> dict[Key, ir.Api]:
        return {key: one.api for key, one in self._served.items()}

    def _facts(self, request: Request, port: int, answers: Sequence[Played]) -> CallFacts:
        if self._envoy is None or port not in self.ports:
            return CallFacts(CallOutcome(reason=f"no API listens on port {port}"))
        self._envoy.forget()
        self._player.play(answers)
        since = time.time()
        heard = call(self._folder, self._listener(port), request)
        # It writes the time without what is less than a microsecond.
        told = self._envoy.line(since - 0.000_001, TOLD_SECONDS if heard.answer else UNTOLD_SECONDS)
        noted = [(one, self._parts.get(one.cluster, NOBODY)) for one in self._player.noted()]
        return CallFacts(heard, told or {}, tuple(noted), tuple(self._envoy.said()))

    def _only_port(self) -> int:
        known = {*self.ports, *(one.port for one in self._absent if one.port)}
        if len(known) == 1:
            return known.pop()
        listed = ", ".join(map(str, sorted(known))) or "none"
        raise NoPort(f"say for which port the request is; there are: {listed}")

    def _listener(self, port: int) -> ir.Listener:
        listeners = ir.Gateway(tuple(self._apis.values())).listeners
        return next(one for one in listeners if one.port == port)

    def _start(self) -> None:
        waiting = self._spare()
        translation = translate(self._resources)
        gateway = _without_its_door(translation.gateway)
        compiler = self._compiler(self._folder, gateway, self._proxying, PlayedDocuments(self._answers))
        apis = [api for api in translation.gateway.apis if api.key not in self._held]
        if self._is_bare:
            apis = [replace(api, policies=()) for api in apis]
        self._served, reasons = candidate.compiled(compiler, apis)
        self._prepare()
        Book(self._folder).write(translation.contracts)
        try:
            self._run(compiler, waiting)
        except envoy.NotStarted:
            # Envoy says what it refuses, and not which API brought it.
            judge = Judge(self._folder).verdict
            faulty = candidate.faulty(judge, compiler, list(self._served.values()))
            if not faulty:
                raise
            reasons |= faulty
            self._served = {key: one for key, one in self._served.items() if key not in faulty}
            self._run(compiler, self._spare())
        self._veil = Veil(self._apis.values())
        self._absent = tuple(self._missing(translation, {**reasons, **self._held}))

    def _spare(self) -> envoy.ThrowAwayEnvoy:
        spare = envoy.ThrowAwayEnvoy(self._folder)
        self._open.callback(spare.stop)
        return spare

    def _prepare(self) -> None:
        """What policies keep beside Envoy: the rehearsal's own memory, and the frames of their scripts."""
        catalog.prepare(self._folder)
        scripts = self._folder / "scripts"
        scripts.mkdir(exist_ok=True)
        frames = {name: text for one in self._served.values() for name, text in one.frames.items()}
        for name, text in frames.items():
            (scripts / f"{name}.lua").write_text(text)
        secret_files.write(self._folder, (it for one in self._served.values() for it in one.secrets))

    def _run(self, compiler: Compiler, waiting: envoy.ThrowAwayEnvoy) -> None:
        if not self._served:
            return
        apis = list(self._served.values())
        self._parts = _parts(apis)
        player = Player(self._folder, self._parts, self._answers)
        self._open.callback(player.close)
        if any(one.asks for one in apis):
            authorizer = Authorizer(self._folder, played=self._folder / UPSTREAMS)
            self._open.callback(authorizer.close)
            authorizer.want()
        waiting.serve(isolated(compiler, apis), [entrance(port) for port in self.ports])
        self._player, self._envoy = player, waiting

    def _missing(self, translation: Translation, reasons: Mapping[Key, str]) -> list[Absent]:
        """Every API that is not served, with the places of its faults."""
        found = []
        everything = {**translation.refused, **reasons}
        for one in self._resources:
            if not isinstance(one, ApiInstance) or one.key not in everything:
                continue
            reason = everything.pop(one.key)
            faults = [self._place(fault) for fault in translation.faults if str(fault) in reason]
            port, path = 0, ""
            with suppress(BadAddress):
                address = listener_address(one.spec.address)
                port, path = address.port, address.base_path
            title = one.metadata.labels.get(TITLE, "")
            found.append(Absent(one.key, port, path, tuple(faults or [reason]), title))
        return found


def _without_its_door(gateway: ir.Gateway) -> ir.Gateway:
    """Who connects is said in the PROXY protocol, whether the gateway has it spoken or not."""
    return replace(gateway, probe_port=None, uses_proxy_protocol=False)


def _parts(apis: Sequence[CompiledApi]) -> dict[str, Peer]:
    """The upstreams to play, by the names of their clusters; those that policies ask belong to no service."""
    return {
        name: Peer(_shown(cluster), compiled.services.get(name, ""))
        for compiled in apis
        for name, cluster in compiled.clusters.items()
    }


def _shown(cluster: Mapping[str, Any]) -> str:
    """The cluster's address, or its name when it has none."""
    localities = cluster.get("load_assignment", {}).get("endpoints", ())
    for one in (endpoint for locality in localities for endpoint in locality["lb_endpoints"]):
        place = one["endpoint"]["address"].get("socket_address", {})
        host = place.get("address", "")
        return f"{f'[{host}]' if ':' in host else host}:{place.get('port_value', '')}"
    return str(cluster["name"])
