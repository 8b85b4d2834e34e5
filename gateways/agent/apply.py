"""Resources into force: compiled, checked, written for Envoy, acknowledged.

Nothing bad goes live, and the unit of failure is one API with all of its policies: an API that is
refused keeps its last good version, or stays out if it had none, and its neighbours go on.
"""

import gc
import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from types import MappingProxyType

from gateways.agent.authorizer.process import Authorizer
from gateways.agent.documents.keeper import Documents
from gateways.agent.envoy import candidate, listening
from gateways.agent.envoy.admin import AdminUnreachable
from gateways.agent.envoy.process import Envoy
from gateways.agent.envoy.publish import EnvoyConfiguration, Publisher, Rejected
from gateways.agent.envoy.validate import Judge
from gateways.agent.host import secret_files
from gateways.agent.ledger import Ledger
from gateways.agent.settings import Proxying
from gateways.agent.sharing.keeper import Sharing
from gateways.agent.store import SnapshotStore, Stored
from gateways.agent.translate import ir
from gateways.agent.translate.apis import LastTranslation, Translation, translate
from gateways.agent.translate.conflicts import Taken
from gateways.agent.translate.index import Key
from gateways.agent.translate.together import ChangeSets
from gateways.agent.xds import ranks
from gateways.agent.xds.compiled_api import CompiledApi
from gateways.agent.xds.compiler import Compiler
from gateways.protocol.messages import Ack, ResourceAck
from gateways.protocol.resources import AnyResource
from policies.contracts.contract import Contract
from policies.documents.document import Document

DOCUMENT_SECONDS = 3.0
"""How long a change waits for documents that were never had, if they are on their way."""

log = logging.getLogger(__name__)


class StaleSnapshot(Exception):
    """The generation offered is older than the one that runs."""

    def __init__(self, offered: int, running: int) -> None:
        super().__init__(f"generation {offered} is older than {running}, which runs")
        self.offered = offered
        self.running = running


@dataclass(frozen=True)
class Serving:
    """The version of an API that serves."""

    compiled: CompiledApi
    generation: int


class Applier:
    """Thread-safe; one per state folder. `documents` are fetched for the policies of what it applies,
    `authorizer` runs where one of them asks the network, `sharing` where replicas share what they count."""

    def __init__(self, envoy: Envoy, proxying: Proxying | None = None) -> None:
        self.envoy = envoy
        self.documents = Documents(envoy.state, self.retry)
        self.authorizer = Authorizer(envoy.state)
        self.sharing = Sharing(envoy.state)
        self._proxying = proxying or Proxying()
        self._publisher = Publisher(envoy)
        self._store = SnapshotStore(envoy.state)
        self.ledger = Ledger(envoy.state)
        self._ungranted: tuple[str, ...] = ()
        self._lock = threading.RLock()
        self._serving: dict[Key, Serving] = {}
        self._last_translation = LastTranslation()
        self._together = ChangeSets()
        self._judge = Judge(envoy.state)
        self._checked: set[str] = set()
        self._snapshot: Stored | None = None
        self._ack: Ack | None = None
        self._is_stored = True
        self._told: tuple[int, object] | None = None

    @property
    def generation(self) -> int:
        """The newest generation taken; 0 when none was."""
        return self._snapshot.generation if self._snapshot else 0

    @property
    def digest(self) -> str:
        return self._snapshot.digest if self._snapshot else ""

    @property
    def serving(self) -> list[CompiledApi]:
        """The APIs that serve, each as Envoy has it."""
        return [one.compiled for one in list(self._serving.values())]

    @property
    def last_ack(self) -> Ack | None:
        return self._ack

    def restore(self) -> Ack | None:
        """Applies what this folder applied last, so that a replica serves with the console away."""
        with self._lock:
            stored = self._store.load()
            if stored is None:
                return None
            self._serving = self._kept(stored)
            return self.apply(stored.resources, stored.generation, stored.digest, stored.held)

    def retry(self) -> Ack | None:
        """Applies the newest snapshot again where some of it does not run: a port may be free by now.

        Or it was lost, while Envoy was down; or a document has changed.
        """
        with self._lock:
            snapshot, ack = self._snapshot, self._ack
            if snapshot is None or ack is None:
                return ack
            if not self._is_stored:
                self._keep(snapshot)
            self._grant_again(self.ledger.own)
            runs = ack.applied and all(one.state == "applied" for one in ack.resources)
            is_current = all(one.is_made_with(self.documents) for one in self.serving)
            if runs and is_current and not listening.blocked(self.envoy, self.serving):
                return ack
            return self.apply(snapshot.resources, snapshot.generation, snapshot.digest, snapshot.held)

    def settle(self) -> None:
        """What can wait until a change is live, and makes the next one quicker."""
        with self._lock:
            self._judge.stand_by()
            # Nothing that stays is looked at again by later collections: with 1,000 APIs each took 0.2 s.
            gc.collect()
            gc.freeze()

    @property
    def trusted(self) -> ir.TrustedProxies:
        """The proxies that are trusted where the resources name none."""
        return self._proxying.trusted

    def apply(
        self,
        resources: Sequence[AnyResource],
        generation: int,
        digest: str,
        held: Mapping[Key, str] = MappingProxyType({}),
    ) -> Ack:
        """Raises StaleSnapshot. Repeating a snapshot is harmless and retries what was refused.

        `held` are APIs that stay as they are, whatever the resources say, each with the reason.
        """
        with self._lock:
            if generation < self.generation:
                raise StaleSnapshot(generation, self.generation)
            began, offered = time.monotonic(), Stored(generation, digest, tuple(resources), {}, held)
            translation = _without(translate(resources, self._last_translation, self._proxying.trusted), held)
            gateway = listening.probed(self.envoy, translation.gateway)
            self._together = ChangeSets(resources)
            compiler = Compiler(self.envoy.state, gateway, self._proxying, self.documents)
            refused = dict(translation.refused)
            granted_before = self.ledger.own
            try:
                self.sharing.want(gateway.shared_storage or self._proxying.shared_storage, gateway.apis)
                # First: an API that is new finds its contracts, and who lost one is out at once.
                self.ledger.write_own(translation.contracts)
                good = self._compiled(compiler, translation, refused)
                self._serving = self._take_into_force(compiler, good, refused, generation)
                used = (it for one in self._serving.values() for it in one.compiled.secrets)
                secret_files.prune(self.envoy.state, used)
            except (Rejected, AdminUnreachable, OSError) as error:
                self._grant_again(granted_before)
                return self._not_applied(self._acknowledged(offered, began, (), reason=self._words(error)))
            self.envoy.take_over()
            wrong = (it for it in translation.faults if it.kind == "Contract" and not it.is_warning)
            self._ungranted = tuple(map(str, wrong))
            older = {key: one.generation for key, one in self._serving.items() if key in refused}
            self._snapshot = replace(offered, serving=older)
            self._keep(self._snapshot)
            answers = [self._resource_ack(key, refused.get(key)) for key in sorted({*good, *refused})]
            return self._applied(self._acknowledged(offered, began, answers), len(good), len(refused))

    @property
    def ungranted(self) -> tuple[str, ...]:
        """What is wrong with contracts that grant nothing, though the rest is in force."""
        return self._ungranted

    def _applied(self, ack: Ack, good: int, refused: int) -> Ack:
        self._ack = ack
        if (told := (ack.generation, ack.resources)) != self._told:
            self._told = told
            words = "generation=%s applied=true apis=%s refused=%s ms=%s"
            log.info(words, ack.generation, good, refused, ack.duration_ms)
        return ack

    def _not_applied(self, ack: Ack) -> Ack:
        self._ack = ack
        if (failed := (ack.generation, ack.reason)) != self._told:
            self._told = failed
            log.error("generation=%s applied=false reason=%s", ack.generation, ack.reason)
        return ack

    @property
    def is_stored(self) -> bool:
        """Whether a restart would begin with what runs now; false while the disk is full."""
        return self._is_stored

    def _keep(self, snapshot: Stored) -> None:
        """Store it. What is in force stays so when that fails; `retry` tries again."""
        try:
            self._store.save(snapshot)
            self._is_stored = True
        except OSError as error:
            log.error("generation=%s stored=false reason=%s", snapshot.generation, error)
            self._is_stored = False

    def _grant_again(self, contracts: tuple[Contract, ...] | None) -> None:
        """These count, whatever became of their file: nothing of a snapshot that is not applied does."""
        if contracts is not None:
            with suppress(OSError):
                self.ledger.write_own(contracts)

    def _words(self, error: Exception) -> str:
        if not isinstance(error, OSError):
            return str(error)
        what = error.strerror or str(error)
        return f"the gateway cannot write its state folder {self.envoy.state}: {what}"

    def _compiled(
        self, compiler: Compiler, translation: Translation, refused: dict[Key, str]
    ) -> dict[Key, CompiledApi]:
        """The APIs that can run, by key; the others are added to `refused` with the reason."""
        before = {key: one.compiled for key, one in self._serving.items()}
        good, reasons = candidate.compiled(compiler, translation.gateway.apis, before)
        known: set[Document] = set()
        until = time.monotonic() + DOCUMENT_SECONDS
        # Again, since which others a document needs is known when it is there.
        while self._awaits_documents([*good.values(), *before.values()], known, until):
            good, reasons = candidate.compiled(compiler, translation.gateway.apis, good)
        refused |= reasons
        for key in listening.blocked(self.envoy, self.serving):
            del self._serving[key]
        for key in self._serving.keys() - good.keys():
            one = self._serving[key]
            self._serving[key] = replace(one, compiled=Compiler.renewed(one.compiled, self.documents))
        _move(refused, good, listening.blocked(self.envoy, good.values()))
        wanted = [*good.values(), *(one.compiled for one in self._serving.values())]
        secret_files.write(self.envoy.state, (it for one in wanted for it in one.secrets))
        unchecked = [one for one in good.values() if one.digest not in self._checked]
        _move(refused, good, candidate.faulty(self._judge.verdict, compiler, unchecked))
        self._checked = {one.digest for one in good.values()}
        return good

    def _awaits_documents(self, apis: Iterable[CompiledApi], known: set[Document], until: float) -> bool:
        """Has what they need kept from now on. Whether some of it was never had, and may be there now, that
        is not `known` yet; then it is."""
        wanted = {document for one in apis for document in one.documents}
        missing = [one for one in wanted - known if self.documents.get(one) is None]
        known |= wanted
        self.documents.want(wanted)
        self.documents.wait(missing, max(0, until - time.monotonic()))
        return bool(missing)

    def _take_into_force(
        self, compiler: Compiler, good: dict[Key, CompiledApi], refused: dict[Key, str], generation: int
    ) -> dict[Key, Serving]:
        """What serves from now on. A port that was lost between check and use costs its APIs alone."""
        serving = self._settled(good, refused, generation)
        if any(one.compiled.asks for one in serving.values()):
            self.authorizer.want()
        try:
            self._publisher.publish(_configuration(compiler, serving))
        except Rejected:
            unbound = listening.unbound(self.envoy, good.values())
            if not unbound:
                self._publisher.publish(_configuration(compiler, self._serving))
                raise
            _move(refused, good, unbound)
            serving = self._settled(good, refused, generation)
            self._publisher.publish(_configuration(compiler, serving))
        if not any(one.compiled.asks for one in serving.values()):
            self.authorizer.unwant()
        return serving

    def _settled(
        self, good: dict[Key, CompiledApi], refused: dict[Key, str], generation: int
    ) -> dict[Key, Serving]:
        """The new versions, and the last good ones of the refused. What runs has the right of way."""
        while True:
            _move(refused, good, self._held_back(good, refused))
            kept = {key: self._serving[key] for key in refused if key in self._serving}
            standing = Taken(one.compiled.api for one in kept.values())
            clashes = {key: standing.conflict(one.api) for key, one in good.items()}
            clashing = {key: reason for key, reason in clashes.items() if reason}
            if not clashing:
                return {key: Serving(one, generation) for key, one in good.items()} | kept
            _move(refused, good, clashing)

    def _held_back(self, good: Mapping[Key, CompiledApi], refused: Mapping[Key, str]) -> dict[Key, str]:
        """Those that would change together with one that is refused, and have a version to stay with."""
        return {
            key: reason
            for key, reason in self._together.held_back(refused).items()
            if key in good and key in self._serving and self._serving[key].compiled.digest != good[key].digest
        }

    def _kept(self, stored: Stored) -> dict[Key, Serving]:
        """The last good versions that an earlier process of this replica ran with."""
        found: dict[Key, Serving] = {}
        for generation in sorted(set(stored.serving.values())):
            gateway = translate(self._store.load_kept(generation), trusted=self._proxying.trusted).gateway
            compiler = Compiler(self.envoy.state, gateway, self._proxying, self.documents)
            for api in gateway.apis:
                if stored.serving.get(api.key) == generation:
                    found[api.key] = Serving(compiler.api(api), generation)
        return found

    def _acknowledged(
        self, offered: Stored, began: float, answers: Iterable[ResourceAck], reason: str = ""
    ) -> Ack:
        return Ack(
            replica=self.envoy.node,
            generation=offered.generation,
            digest=offered.digest,
            applied=not reason,
            reason=reason,
            duration_ms=round((time.monotonic() - began) * 1000),
            at=datetime.now(UTC),
            resources=tuple(answers),
        )

    def _resource_ack(self, key: Key, reason: str | None) -> ResourceAck:
        serving = self._serving.get(key)
        return ResourceAck(
            namespace=key[0],
            name=key[1],
            state="refused" if reason else "applied",
            reason=reason or "",
            running_generation=serving.generation if serving else None,
        )


def _without(found: Translation, held: Mapping[Key, str]) -> Translation:
    """Those APIs are refused, also where they are not among the resources: one that runs goes on."""
    apis = tuple(api for api in found.gateway.apis if api.key not in held)
    return replace(found, gateway=replace(found.gateway, apis=apis), refused={**found.refused, **held})


def _configuration(compiler: Compiler, serving: Mapping[Key, Serving]) -> EnvoyConfiguration:
    apis = [one.compiled for one in serving.values()]
    listening = sorted({one.api.listener.port for one in apis})
    return EnvoyConfiguration(
        listeners=compiler.listeners(apis),
        route_configs={port: compiler.route_config(port, apis, attrgetter("written")) for port in listening},
        clusters=ranks.apart({name: made for one in apis for name, made in one.clusters.items()}),
        frames={name: text for one in apis for name, text in one.frames.items()},
        kept_filters={port: compiler.kept_filters(port, apis) for port in listening},
    )


def _move(refused: dict[Key, str], good: dict[Key, CompiledApi], reasons: Mapping[Key, str]) -> None:
    for key, reason in reasons.items():
        refused[key] = reason
        good.pop(key, None)
