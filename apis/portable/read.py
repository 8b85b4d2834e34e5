"""From the YAML of a file to APIs, or to all that is wrong with it, each with its line.

Without Django: a process of its own reads what people upload. What the resources say is taken from them; what
they do not say, from the ApiDetails, where there is one: files that people wrote for Local Mode are read too.
"""

import codecs
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from apis.portable import kinds
from apis.portable.assembled import assembled
from apis.portable.faults import BadFile, Faults
from apis.portable.inline import unfold
from apis.portable.kinds import FORMAT, Details
from apis.portable.secrets_read import check_secrets
from apis.portable.shape import Portable
from gateways.protocol import resources as r
from gateways.protocol.faults import explained
from gateways.protocol.yaml_documents import BadYaml, documents

MOST_APIS = 200
READ = ("ApiInstance", "Service", "PolicyBinding", "Secret", r.API_DETAILS)
LATER = (
    "the file has format {}, and this console reads format {} and none that came later; upgrade it, or "
    "import the file where it was exported"
)
UNKEPT = "the text holds a NUL character, which no database keeps; take it out"
NOT_HERE = (
    "is not part of an API: import it by hand, or take it out; a file has ApiInstance, Service, "
    "PolicyBinding, Secret and ApiDetails"
)


@dataclass
class FileContent:
    """The documents of a file, by their names."""

    faults: Faults = field(default_factory=Faults)
    apis: dict[str, r.ApiInstance] = field(default_factory=dict)
    services: dict[str, r.Service] = field(default_factory=dict)
    bindings: dict[str, r.PolicyBinding] = field(default_factory=dict)
    details: dict[str, Details] = field(default_factory=dict)
    secrets: dict[str, r.Secret] = field(default_factory=dict)
    """By "namespace/name"."""
    ended: set[str] = field(default_factory=set)
    """The names of details that end with a line `...`."""
    lines: dict[tuple[str, str], int] = field(default_factory=dict)
    inside: dict[tuple[str, str], str] = field(default_factory=dict)
    """Where those that stand inside of an ApiInstance are written, by kind and the name that they got."""

    def kept(self, kind: str) -> dict[str, Any]:
        known: dict[str, dict[str, Any]] = {
            "ApiInstance": self.apis,
            "Service": self.services,
            "PolicyBinding": self.bindings,
            "Secret": self.secrets,
        }
        return known.get(kind, self.details)

    def told(self, kind: str, name: str) -> str:
        """What people know it by."""
        return self.inside.get((kind, name), f"{kind} {name}")

    def line(self, kind: str, name: str) -> int:
        return self.lines.get((kind, name), 1)


def read(content: bytes) -> list[Portable]:
    """The APIs of a file, in its order. Raises BadFile."""
    found, lines = FileContent(), _lines(content)
    try:
        for node, data in documents(content):
            if data is not None:
                is_ended = "".join(lines[node.end_mark.line :][:1]).startswith("...")
                _document(found, node.start_mark.line + 1, data, is_ended=is_ended)
    except BadYaml as error:
        found.faults.add(error.line, str(error))
        raise BadFile(found.faults) from None
    found.faults.check()
    if not found.apis and not found.details:
        text = "the file has no ApiInstance: it is empty, or something else than an API's export"
        found.faults.add(1, text)
    if len(found.apis) > MOST_APIS:
        found.faults.add(1, f"the file has {len(found.apis)} APIs; at most {MOST_APIS} are read from one")
    _check_whole(found)
    found.faults.check()
    unfold(found)
    found.faults.check()
    apis = [assembled(found, name) for name in found.apis]
    check_secrets(found, {one.reference for api in apis if api for one in api.shared_secrets})
    found.faults.check()
    return [one for one in apis if one]


def _lines(content: bytes) -> list[str]:
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf16 else "utf-8", "replace").splitlines()


def _document(found: FileContent, line: int, data: Any, *, is_ended: bool) -> None:
    if not isinstance(data, Mapping):
        found.faults.add(line, "this document is not a mapping of fields")
        return
    if place := _unkept(data):
        found.faults.add(line, f"{place}: {UNKEPT}")
        return
    kind, version = data.get("kind"), data.get("apiVersion")
    if version not in r.API_VERSIONS:
        found.faults.add(line, f"apiVersion: {_shown(version)} is not {r.API_VERSION}")
    elif kind not in READ:
        found.faults.add(line, f"{_shown(kind)} {NOT_HERE}")
    elif kind == r.API_DETAILS:
        _details(found, line, data, is_ended=is_ended)
    else:
        _resource(found, line, dict(data))


def _resource(found: FileContent, line: int, data: dict[str, Any]) -> None:
    try:
        one = r.RESOURCE.validate_python(data)
    except ValidationError as error:
        _told(found, line, data, error, r.AnyResource)
        return
    name = "/".join(one.key) if one.kind == "Secret" else one.metadata.name
    _keep(found, line, one.kind, name, one)


def _details(found: FileContent, line: int, data: Mapping[str, Any], *, is_ended: bool) -> None:
    metadata, spec = data.get("metadata"), data.get("spec")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    told = spec.get("format") if isinstance(spec, Mapping) else None
    if not isinstance(name, str):
        found.faults.add(line, f"{r.API_DETAILS}: metadata.name: is missing")
    elif isinstance(told, int) and told > FORMAT:
        found.faults.add(line, f"{r.API_DETAILS} {name}: {LATER.format(told, FORMAT)}")
    elif unknown := sorted(set(data) - {"apiVersion", "kind", "metadata", "spec"}):
        found.faults.add(line, f"{r.API_DETAILS} {name}: {unknown[0]}: is not a known field")
    else:
        try:
            one = Details.model_validate(spec)
        except ValidationError as error:
            _told(found, line, data, error, Details)
            return
        _keep(found, line, r.API_DETAILS, name, one)
        if is_ended:
            found.ended.add(name)


def _told(found: FileContent, line: int, data: Mapping[str, Any], error: ValidationError, shape: Any) -> None:
    metadata, kind = data.get("metadata"), data.get("kind")
    name = metadata.get("name", "") if isinstance(metadata, Mapping) else ""
    for where, message in explained(error, shape):
        path = where[1:] if where and where[0] == kind else where
        path = ("spec", *path) if kind == r.API_DETAILS else path
        found.faults.add(line, f"{kind} {name}: {'.'.join(map(str, path))}: {message}")


def _keep(found: FileContent, line: int, kind: str, name: str, one: Any) -> None:
    known = found.kept(kind)
    if name in known:
        found.faults.add(
            line, f"{kind} {name} is defined twice; the first is at line {found.line(kind, name)}"
        )
        return
    known[name] = one
    found.lines[kind, name] = line


def _check_whole(found: FileContent) -> None:
    """Half a file is refused: what refers to what is not there, and what was exported and is missing."""
    for name, api in found.apis.items():
        told = api.metadata.annotations.get(kinds.EXPORTED)
        if told is not None and name not in found.details:
            text = f"ApiInstance {name}: its ApiDetails is missing: the file ends too early, or was cut"
            found.faults.add(found.line("ApiInstance", name), text)
        elif told not in (None, kinds.WITHOUT_END) and name not in found.ended:
            text = f"ApiDetails {name}: no line `...` ends it: the file ends too early, or was cut"
            found.faults.add(found.line(r.API_DETAILS, name), text)
    for name in found.details:
        if name not in found.apis:
            text = f"ApiDetails {name}: there is no ApiInstance of that name; the file was cut"
            found.faults.add(found.line(r.API_DETAILS, name), text)
    for line, text in _dangling(found):
        found.faults.add(line, text)


def _dangling(found: FileContent) -> Iterator[tuple[int, str]]:
    for name, one in found.bindings.items():
        target = one.spec.target_ref
        line = found.line("PolicyBinding", name)
        if target.kind == "Selector":
            yield line, f"PolicyBinding {name}: holds for many APIs; make it an automated policy"
        elif target.kind == "ApiInstance" and target.name not in found.apis:
            yield line, f"PolicyBinding {name}: there is no ApiInstance {target.name} in the file"
        elif target.kind == "Service" and target.name not in found.services:
            yield line, f"PolicyBinding {name}: there is no Service {target.name} in the file"


def _unkept(value: Any, path: str = "") -> str:
    """The place of a text that no database keeps."""
    if isinstance(value, str):
        return (path or "the text") if "\0" in value else ""
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        if key := next((str(key) for key in value if "\0" in str(key)), ""):
            return f"{path}.{key.replace(chr(0), '?')[:60]}".lstrip(".")
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    found = (_unkept(one, f"{path}.{key}".lstrip(".")) for key, one in pairs)
    return next(filter(None, found), "")


def _shown(value: Any) -> str:
    return "is missing;" if value is None else f'"{str(value)[:60]}"'
