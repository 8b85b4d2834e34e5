"""An OpenAPI document's operations as a table, which request.lua reads: paths, parameters, bodies."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from policies.catalog.spec_validation.document import Place, References, Wrong, load, pointer
from policies.catalog.spec_validation.schemas import Schemas, written

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
MOST_PATHS, MOST_TABLE, MOST_REMARKS = 5_000, 4 * 1024 * 1024, 20
TOO_LARGE = "the document is too large: what is made of it has more than 4 MB"
_VERSION = re.compile(r"3\.[01]\.\d+.*")
_PART = re.compile(r"\{([^{}/]+)\}")
_SEPARATORS = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
_USUAL = {"query": "form", "path": "simple", "header": "simple", "cookie": "form"}
_NO_PARAMETERS = {"accept", "content-type", "authorization"}
"""Headers that OpenAPI describes elsewhere."""


@dataclass(frozen=True)
class Described:
    """`table` is the text of what request.lua reads; `remarks` tell what is not checked."""

    table: str
    remarks: tuple[str, ...]


@lru_cache(16)
def described(text: str) -> Described:
    """Raises Wrong."""
    document = load(text)
    version = document.get("openapi")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        told = f"says openapi: {str(version)[:20]}" if version else "does not say which it is"
        raise Wrong((), f"OpenAPI 3.0 and 3.1 are read (openapi: 3.0.3); this {told}")
    remarks: dict[str, None] = {}

    def remark(place: Place, words: str) -> None:
        remarks[f"{pointer(place)} {words}"] = None

    references = References(document)
    schemas = Schemas(references, is_3_0=version.startswith("3.0"), remark=remark)
    paths = _Operations(references, schemas, remark).paths(document.get("paths"))
    schemas.fill()
    schemas.check_cycles()
    table = written({"paths": paths, **schemas.table})
    if len(table) > MOST_TABLE:
        raise Wrong((), TOO_LARGE)
    return Described(table, tuple(remarks))


class _Operations:
    def __init__(
        self, references: References, schemas: Schemas, remark: Callable[[Place, str], None]
    ) -> None:
        self.references, self.schemas, self.remark = references, schemas, remark
        self.size = 0

    def count(self, size: int) -> None:
        """What the table becomes by this at least: references may stand for much, and often. Raises Wrong."""
        self.size += size
        if self.size > MOST_TABLE:
            raise Wrong((), TOO_LARGE)

    def paths(self, found: Any) -> list[dict[str, Any]]:
        if not isinstance(found, Mapping) or not found:
            raise Wrong(("paths",), "describe a path at least")
        if len(found) > MOST_PATHS:
            raise Wrong(("paths",), f"there are more than {MOST_PATHS:,}")
        seen: dict[str, str] = {}
        made = []
        for template, item in found.items():
            if str(template).startswith("x-"):
                continue
            same = _PART.sub("{}", str(template))
            if same in seen:
                raise Wrong(("paths", template), f"is the same as {seen[same]}")
            seen[same] = str(template)
            made.append(self._path(str(template), item))
        return made

    def _path(self, template: str, item: Any) -> dict[str, Any]:
        place: Place = ("paths", template)
        if not template.startswith("/"):
            raise Wrong(place, "a path begins with /")
        item, place = self.references.followed(item, place)
        if not isinstance(item, Mapping):
            raise Wrong(place, "write methods here")
        common = self._parameters(item.get("parameters"), (*place, "parameters"))
        return {
            "parts": [_parts(one) for one in template[1:].split("/")],
            "methods": {
                name.upper(): self._operation(item[name], (*place, name), common)
                for name in METHODS
                if name in item
            },
        }

    def _operation(
        self, operation: Any, place: Place, common: Mapping[tuple[str, str], dict[str, Any]]
    ) -> dict[str, Any]:
        if not isinstance(operation, Mapping):
            raise Wrong(place, "write an operation")
        own = self._parameters(operation.get("parameters"), (*place, "parameters"))
        self.count(sum(50 + len(name) for _, name in common))
        made: dict[str, Any] = {"parameters": list({**common, **own}.values())}
        if "requestBody" in operation:
            body, where = self.references.followed(operation["requestBody"], (*place, "requestBody"))
            made["body"] = self._body(body, where)
        return made

    def _parameters(self, found: Any, place: Place) -> dict[tuple[str, str], dict[str, Any]]:
        made: dict[tuple[str, str], dict[str, Any]] = {}
        if found is None:
            return made
        if not isinstance(found, list):
            raise Wrong(place, "write a list")
        for at, one in enumerate(found):
            parameter, where = self.references.followed(one, (*place, at))
            name, kind = (
                (parameter.get("name"), parameter.get("in"))
                if isinstance(parameter, Mapping)
                else (None, None)
            )
            if not isinstance(name, str) or not isinstance(kind, str) or kind not in _USUAL:
                raise Wrong(where, "a parameter has a name, and is in path, query, header or cookie")
            self.count(50 + len(name))
            if kind == "header" and name.lower() in _NO_PARAMETERS:
                continue
            made[(kind, name.lower() if kind == "header" else name)] = self._parameter(parameter, where)
        return made

    def _parameter(self, parameter: Mapping[str, Any], place: Place) -> dict[str, Any]:
        kind = parameter["in"]
        name = parameter["name"].lower() if kind == "header" else parameter["name"]
        made: dict[str, Any] = {"name": name, "in": kind}
        made["required"] = parameter.get("required") is True or kind == "path"
        if kind == "query" and parameter.get("allowEmptyValue") is True:
            made["may_be_empty"] = True
        if isinstance(content := parameter.get("content"), Mapping) and content:
            ((media_type, described), *_) = content.items()
            if not _is_json(media_type):
                self.remark(place, f"is not checked: {media_type} is not read")
                return {**made, "read": "unread"}
            schema = described.get("schema", True) if isinstance(described, Mapping) else True
            node = self.schemas.node(schema, (*place, "content", media_type, "schema"))
            return {**made, "read": "json", "node": node}
        schema, where = parameter.get("schema", True), (*place, "schema")
        return {**made, **self._styled(parameter, schema, where, place)}

    def _styled(
        self, parameter: Mapping[str, Any], schema: Any, where: Place, place: Place
    ) -> dict[str, Any]:
        style = parameter.get("style", _USUAL[parameter["in"]])
        types = self.schemas.types(schema, where)
        if not isinstance(style, str) or style not in _SEPARATORS or "object" in types:
            self.remark(
                place,
                "is not checked: " + ("objects are" if "object" in types else f"{style} is") + " not read",
            )
            return {"read": "unread", "names": self._entries(schema, where) if style == "form" else []}
        made = {"node": self.schemas.node(schema, where), "read": "text"}
        if "array" in types:
            meant, at = self.references.followed(schema, where)
            items = meant.get("items", True) if isinstance(meant, Mapping) else True
            explodes = parameter.get("explode", style == "form") is True and parameter["in"] in (
                "query",
                "cookie",
            )
            made |= {"read": "list", "items": self.schemas.node(items, (*at, "items"))}
            made["separator"] = "" if explodes else _SEPARATORS[style]
        return made

    def _entries(self, schema: Any, place: Place) -> list[str]:
        """The names under which a form's object comes."""
        meant, _ = self.references.followed(schema, place)
        entries = meant.get("properties", {}) if isinstance(meant, Mapping) else {}
        self.count(sum(3 + len(str(name)) for name in entries) if isinstance(entries, Mapping) else 0)
        return [str(name) for name in entries] if isinstance(entries, Mapping) else []

    def _body(self, body: Any, place: Place) -> dict[str, Any]:
        content = body.get("content") if isinstance(body, Mapping) else None
        if not isinstance(content, Mapping) or not content:
            raise Wrong(place, "a body has content, by media type")
        types = []
        for name, described in content.items():
            media_type = str(name).partition(";")[0].strip().lower()
            self.count(5 + len(name))
            node = 0
            if _is_json(media_type) or media_type in ("*/*", "application/*"):
                schema = described.get("schema", True) if isinstance(described, Mapping) else True
                node = self.schemas.node(schema, (*place, "content", name, "schema"))
            else:
                self.remark((*place, "content", name), "is not checked: only JSON is read")
            types.append([media_type, node])
        return {"required": body.get("required") is True, "types": types}


def _is_json(media_type: str) -> bool:
    plain = media_type.partition(";")[0].strip().lower()
    return plain in ("application/json", "text/json") or plain.endswith("+json")


def _parts(segment: str) -> str | list[str]:
    """A segment of a template: itself, or its names, each with what stands before and behind it."""
    return segment if not _PART.search(segment) else _PART.split(segment)
