"""`gatewright validate` and `compile`: what a folder of YAML files would do, without doing it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateways.agent.envoy import candidate
from gateways.agent.envoy.validate import Judge
from gateways.agent.host import secret_files, state_folder
from gateways.agent.settings import Proxying
from gateways.agent.sources import files
from gateways.agent.translate.apis import Translation, translate
from gateways.agent.translate.held import Unknown
from gateways.agent.translate.index import Key
from gateways.agent.xds.compiler import Compiler


@dataclass(frozen=True)
class Checked:
    """`refused` are the APIs that would not be served; `config` is Envoy's for the others."""

    loaded: files.Loaded
    diagnostics: tuple[files.Diagnostic, ...]
    refused: frozenset[Key]
    config: dict[str, Any]

    @property
    def is_sound(self) -> bool:
        return all(diagnostic.is_warning for diagnostic in self.diagnostics)

    def lines(self) -> list[str]:
        """A line for each diagnostic, and for each resource without one."""
        lines = [str(diagnostic) for diagnostic in self.diagnostics]
        faults = [diagnostic for diagnostic in self.diagnostics if not diagnostic.is_warning]
        for one in self.loaded.documents:
            subject = f"{one.file}:{one.line}: {one.resource.kind} {one.resource.metadata.name}"
            if one.resource.kind == "ApiInstance" and one.resource.key in self.refused:
                lines.append(f"{subject}: would not be served")
            elif not any(one.holds(fault) for fault in faults):
                lines.append(f"{subject}: ok")
        return lines


def check(folder: Path, state: Path, proxying: Proxying) -> Checked:
    """Asks Envoy too, in a scratch folder; the configuration says `state` all the same."""
    loaded = files.load(folder)
    translation = translate(loaded.resources, trusted=proxying.trusted)
    with TemporaryDirectory() as scratch:
        state_folder.prepare(Path(scratch))
        compiler = Compiler(Path(scratch), translation.gateway, proxying)
        good, refused = candidate.compiled(compiler, translation.gateway.apis)
        secret_files.write(Path(scratch), (it for one in good.values() for it in one.secrets))
        refused |= candidate.faulty(Judge(Path(scratch)).verdict, compiler, list(good.values()))
        config = compiler.static([one for key, one in good.items() if key not in refused])
        text = json.dumps(config).replace(scratch, str(state))
    refused |= _waiting(loaded, translation)
    diagnostics = [*loaded.diagnostics, *loaded.located(translation.faults), *_unserved(loaded, refused)]
    diagnostics.sort(key=lambda diagnostic: (diagnostic.file, diagnostic.line))
    return Checked(
        loaded, tuple(diagnostics), frozenset(translation.refused.keys() | refused.keys()), json.loads(text)
    )


def _waiting(loaded: files.Loaded, translation: Translation) -> dict[Key, str]:
    """The APIs that a broken document holds back; its own line says why."""
    try:
        return dict.fromkeys(loaded.held(), "")
    except Unknown:
        return dict.fromkeys((api.key for api in translation.gateway.apis), "")


def _unserved(loaded: files.Loaded, refused: dict[Key, str]) -> Iterator[files.Diagnostic]:
    for one in loaded.documents:
        reason = refused.get(one.resource.key)
        if reason and one.resource.kind == "ApiInstance":
            yield files.Diagnostic(one.file, one.line, f"ApiInstance {one.resource.metadata.name}: {reason}")
