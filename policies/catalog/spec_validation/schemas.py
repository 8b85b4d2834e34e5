"""JSON Schemas of an OpenAPI document as a table of nodes, which schema.lua reads.

A node refers to others by number, from 1, so schemas may refer to themselves. schema.lua lists its fields.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from policies.catalog.spec_validation.document import Place, References, Wrong
from policies.patterns.pattern import Automaton, automaton
from policies.patterns.pattern_syntax import Unfit

MOST_NODES, MOST_ENUM, MOST_ENTRIES, MOST_STEPS = 20_000, 2_000, 200_000, 3_000_000
MOST_PARTS = 100
TYPES = {"null": 1, "boolean": 2, "integer": 4, "number": 12, "string": 16, "array": 32, "object": 64}
FORMATS = {"date-time", "date", "time", "uuid", "email", "ipv4", "ipv6", "int32"}
_IN_PLACE = ("ref", "all", "any", "one", "no", "when", "so", "otherwise", "with_schema")
_COUNTS = {
    "minLength": "least_length",
    "maxLength": "most_length",
    "minItems": "least_items",
    "maxItems": "most_items",
    "minProperties": "least_entries",
    "maxProperties": "most_entries",
    "minContains": "least_contained",
    "maxContains": "most_contained",
}
_NUMBERS = {"minimum": "least", "maximum": "most", "multipleOf": "multiple"}
_ONE = {
    "not": "no", "if": "when", "then": "so", "else": "otherwise", "items": "items", "contains": "contained",
    "additionalProperties": "others", "propertyNames": "names",
}  # fmt: skip
_LISTS = {"allOf": "all", "anyOf": "any", "oneOf": "one", "prefixItems": "first"}
_NAMED = {"properties": "entries", "dependentSchemas": "with_schema"}
_UNSUPPORTED = (
    "$dynamicRef", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems", "additionalItems",
    "dependencies",
)  # fmt: skip
_SAYS_NOTHING = {
    "title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly", "xml",
    "externalDocs", "discriminator", "nullable", "$comment", "$defs", "definitions", "$schema", "$anchor",
    "$id", "contentEncoding", "contentMediaType", "contentSchema", "$dynamicAnchor",
}  # fmt: skip
_READ = {"type", "enum", "const", "required", "pattern", "format", "uniqueItems", "patternProperties", "$ref"}
_READ |= {"exclusiveMinimum", "exclusiveMaximum", "dependentRequired"}
_READ |= _COUNTS.keys() | _NUMBERS.keys() | _ONE.keys() | _LISTS.keys() | _NAMED.keys()


class Schemas:
    """`remark` is called with what is not checked."""

    def __init__(self, references: References, *, is_3_0: bool, remark: Callable[[Place, str], None]) -> None:
        self.references, self.is_3_0, self.remark = references, is_3_0, remark
        self.nodes: list[dict[str, Any]] = []
        self.automata: list[Automaton] = []
        self.entries = self.steps = 0
        self._known: dict[int, int] = {}
        self._unfilled: list[tuple[dict[str, Any], Mapping[str, Any], Place]] = []
        self._patterns: dict[str, int] = {}

    def node(self, schema: Any, place: Place) -> int:
        """The schema's number; what it holds is read by `fill`. Raises Wrong."""
        if (known := self._known.get(id(schema))) is not None and not isinstance(schema, bool):
            return known
        if len(self.nodes) >= MOST_NODES:
            raise Wrong(place, f"the document has more than {MOST_NODES:,} schemas")
        made: dict[str, Any] = {}
        self.nodes.append(made)
        number = len(self.nodes)
        if isinstance(schema, bool):
            made.update({} if schema else {"never": True})
        elif isinstance(schema, Mapping):
            self._known[id(schema)] = number
            self._unfilled.append((made, schema, place))
        else:
            raise Wrong(place, "write a schema")
        return number

    def fill(self) -> None:
        """One after another, since schemas may refer to each other in long rows. Raises Wrong."""
        while self._unfilled:
            self._fill(*self._unfilled.pop())

    def check_cycles(self) -> None:
        """Raises Wrong where a schema is made of itself, without a step down into a value."""
        state: dict[int, bool] = {}
        for start in range(1, len(self.nodes) + 1):
            if start in state:
                continue
            stack = [(start, iter(self._in_place(start)))]
            state[start] = True
            while stack:
                number, rest = stack[-1]
                following = next(rest, None)
                if following is None:
                    state[number] = False
                    stack.pop()
                elif state.get(following):
                    raise Wrong(
                        (), "a schema is made of itself: $ref, allOf, anyOf or oneOf lead in a circle"
                    )
                elif following not in state:
                    state[following] = True
                    stack.append((following, iter(self._in_place(following))))

    def _in_place(self, number: int) -> Iterable[int]:
        for name in _IN_PLACE:
            found = self.nodes[number - 1].get(name)
            yield from found.values() if isinstance(found, dict) else found if isinstance(found, list) else []
            if isinstance(found, int):
                yield found

    def types(self, schema: Any, place: Place) -> set[str]:
        """The types that a schema names itself, or by what it is made of; none where it leaves that open."""
        found: set[str] = set()
        seen: set[int] = set()
        left = [(schema, place)]
        while left:
            one, where = self.references.followed(*left.pop())
            if not isinstance(one, Mapping) or id(one) in seen:
                continue
            seen.add(id(one))
            if len(seen) > MOST_PARTS:
                raise Wrong(place, f"allOf puts more than {MOST_PARTS} schemas together here")
            named, parts = one.get("type", []), one.get("allOf", ())
            if named:
                found.update(
                    it for it in (named if isinstance(named, list) else [named]) if isinstance(it, str)
                )
            elif isinstance(parts, list):
                left += [(part, where) for part in parts]
        return found

    def _fill(self, made: dict[str, Any], schema: Mapping[str, Any], place: Place) -> None:
        if "$ref" in schema:
            target, where = self.references.target(schema["$ref"], place)
            made["ref"] = self.node(target, where)
            if self.is_3_0:
                return
        for name in _UNSUPPORTED:
            if name in schema and schema[name] is not True:
                raise Wrong((*place, name), "is not supported; leave it out or write it otherwise")
        for name in schema.keys() - _READ - _SAYS_NOTHING - set(_UNSUPPORTED):
            if not str(name).startswith("x-"):
                self.remark((*place, name), "is not checked")
        self._of_any_value(made, schema, place)
        self._of_texts(made, schema, place)
        self._of_numbers(made, schema, place)
        self._of_objects(made, schema, place)
        self._of_schemas(made, schema, place)

    def _of_any_value(self, made: dict[str, Any], schema: Mapping[str, Any], place: Place) -> None:
        if "type" in schema:
            named = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            unknown = [one for one in named if not isinstance(one, str) or one not in TYPES]
            if unknown or not named:
                raise Wrong((*place, "type"), f"choose of {', '.join(TYPES)}")
            mask = 0
            for one in named:
                mask |= TYPES[one]
            made["types"] = mask | (TYPES["null"] if self.is_3_0 and schema.get("nullable") is True else 0)
        if "enum" in schema:
            values = schema["enum"]
            if not isinstance(values, list) or len(values) > MOST_ENUM:
                raise Wrong((*place, "enum"), f"write a list of {MOST_ENUM:,} values at most")
            made["values"] = values
        if "const" in schema:
            made["const"] = [schema["const"]]

    def _of_texts(self, made: dict[str, Any], schema: Mapping[str, Any], place: Place) -> None:
        if "pattern" in schema:
            made["pattern"] = self._pattern(schema["pattern"], (*place, "pattern"))
        if (name := schema.get("format")) is not None:
            if isinstance(name, str) and name in FORMATS:
                made["format"] = name
            else:
                self.remark((*place, "format"), f'"{str(name)[:40]}" is not checked')

    def _pattern(self, text: Any, place: Place) -> int:
        if not isinstance(text, str):
            raise Wrong(place, "write a regular expression")
        if text not in self._patterns:
            try:
                self.automata.append(automaton(text))
            except Unfit as error:
                raise Wrong(place, f'the pattern "{text[:80]}" {error}') from None
            self.entries += len(self.automata[-1].next)
            self.steps += self.automata[-1].steps
            if self.entries > MOST_ENTRIES or self.steps > MOST_STEPS:
                raise Wrong(place, "the document's patterns together need too much memory or time")
            self._patterns[text] = len(self.automata)
        return self._patterns[text]

    def _of_numbers(self, made: dict[str, Any], schema: Mapping[str, Any], place: Place) -> None:
        for name, short in _COUNTS.items():
            if name in schema:
                if not _is_number(schema[name]) or schema[name] < 0 or schema[name] % 1 != 0:
                    raise Wrong((*place, name), "write a whole number from 0 on")
                made[short] = int(schema[name])
        for name, short in _NUMBERS.items():
            if name in schema:
                if not _is_number(schema[name]) or (name == "multipleOf" and schema[name] <= 0):
                    raise Wrong((*place, name), "write a number" + (" above 0" * (name == "multipleOf")))
                made[short] = schema[name]
        for name, limit, short in (
            ("exclusiveMinimum", "least", "above"),
            ("exclusiveMaximum", "most", "below"),
        ):
            value = schema.get(name)
            if value is True and self.is_3_0:
                if limit in made:
                    made[short] = made.pop(limit)
            elif _is_number(value):
                made[short] = value
            elif value is not None and value is not False:
                raise Wrong((*place, name), "write a number")
        if schema.get("uniqueItems") is True:
            made["unique"] = True

    def _of_objects(self, made: dict[str, Any], schema: Mapping[str, Any], place: Place) -> None:
        if "required" in schema:
            names = self._names(schema["required"], (*place, "required"))
            made["needs"] = [name for name in names if not self._is_read_only(schema, name, place)]
        if "dependentRequired" in schema:
            found = _mapping(schema["dependentRequired"], (*place, "dependentRequired"))
            made["with"] = {
                name: self._names(one, (*place, "dependentRequired", name)) for name, one in found.items()
            }
        if "patternProperties" in schema:
            found = _mapping(schema["patternProperties"], (*place, "patternProperties"))
            where = (*place, "patternProperties")
            made["alike"] = [
                [self._pattern(text, where), self.node(one, (*where, text))] for text, one in found.items()
            ]

    def _names(self, value: Any, place: Place) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise Wrong(place, "write a list of names")
        return list(dict.fromkeys(value))

    def _is_read_only(self, schema: Mapping[str, Any], name: str, place: Place) -> bool:
        """What only answers hold is required of answers alone."""
        entries = schema.get("properties")
        if not isinstance(entries, Mapping) or name not in entries:
            return False
        own = entries[name]
        if isinstance(own, Mapping) and own.get("readOnly") is True:
            return True
        meant, _ = self.references.followed(own, (*place, "properties", name))
        return isinstance(meant, Mapping) and meant.get("readOnly") is True

    def _of_schemas(self, made: dict[str, Any], schema: Mapping[str, Any], place: Place) -> None:
        for name, short in _ONE.items():
            if name in schema:
                made[short] = self.node(schema[name], (*place, name))
        for name, short in _LISTS.items():
            if name in schema:
                found = schema[name]
                if not isinstance(found, list) or not found:
                    raise Wrong((*place, name), "write a list of schemas")
                made[short] = [self.node(one, (*place, name, at)) for at, one in enumerate(found)]
        for name, short in _NAMED.items():
            if name in schema:
                found = _mapping(schema[name], (*place, name))
                made[short] = {key: self.node(one, (*place, name, key)) for key, one in found.items()}

    @property
    def table(self) -> dict[str, Any]:
        return {
            "nodes": self.nodes,
            "automata": [one.table for one in self.automata],
        }


def _mapping(value: Any, place: Place) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Wrong(place, "write a mapping of names")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def written(table: Mapping[str, Any]) -> str:
    """The table's text. Raises Wrong."""
    try:
        text = json.dumps(table, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except UnicodeEncodeError:
        raise Wrong((), "a text holds half of a character") from None
    except ValueError:
        raise Wrong((), "a number is none that JSON knows") from None
    return text
