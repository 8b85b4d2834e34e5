"""Types, elements and attributes of schemas as tables, which validate.lua reads; it lists the fields.

A node refers to others by number, from 1, so types may refer to themselves.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.catalog.soap_validation import simple
from policies.catalog.soap_validation.attributes import Attributes
from policies.catalog.soap_validation.content import All, Effort, Particle, Sequence, model
from policies.catalog.soap_validation.document import Node, Wrong, key
from policies.catalog.soap_validation.particles import ATTRIBUTES, Particles
from policies.catalog.soap_validation.pattern import automaton
from policies.catalog.soap_validation.schemas import (
    IDENTITY,
    Placed,
    Schemas,
    block,
    inside,
    is_true,
    only,
    wildcard,
)
from policies.catalog.soap_validation.simple import ANY_SIMPLE, ANY_TYPE, XS
from policies.patterns.pattern_syntax import Unfit

MOST_NODES, MOST_AUTOMATON_ENTRIES, MOST_STEPS = 20_000, 200_000, 3_000_000
DEEPEST = 40
"""Types derived of each other, and groups in each other."""
NOTHING = Sequence(())


@dataclass
class Complex:
    """What a derived type goes on from. `content` is a particle, a simple type's number, or None for any."""

    content: Particle | int | None
    is_mixed: bool
    attributes: Attributes = field(default_factory=Attributes)


class Types:
    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas
        self.nodes: list[dict[str, Any]] = []
        self.elements: list[dict[str, Any]] = []
        self.models: list[dict[str, Any]] = []
        self.wilds: list[Mapping[str, object]] = []
        self.automata: list[dict[str, Any]] = []
        self.effort = Effort()
        self.steps = self.entries = 0
        self.particles = Particles(self)
        self._numbers: dict[str, int] = {}
        self._wilds: dict[str, int] = {}
        self._anonymous: dict[int, int] = {}
        self._placed: dict[int, Placed] = {}
        self._heights: dict[int, int] = {}
        self._patterns: dict[tuple[str, ...], int] = {}
        self._complex: dict[int, Complex] = {}
        self._declared: dict[int, int] = {}
        self._waiting: list[Callable[[], None]] = []
        self.depth = 0
        self.any_type = self._new({"any": True})
        self._numbers[ANY_TYPE] = self.any_type
        self._complex[self.any_type] = Complex(None, True, Attributes.of_any(self.wild({"how": "lax"})))
        self.nodes[0]["wild"] = [1]

    def fill(self) -> None:
        """Types of elements are made one after another, since they lead in circles. Raises Wrong."""
        while self._waiting:
            self._waiting.pop()()

    def _new(self, made: dict[str, Any]) -> int:
        if len(self.nodes) + len(self.elements) >= MOST_NODES:
            raise Wrong(f"the document has more than {MOST_NODES:,} types and elements")
        self.nodes.append(made)
        return len(self.nodes)

    def wild(self, made: Mapping[str, object]) -> int:
        text = json.dumps(made)
        if text not in self._wilds:
            self.wilds.append(made)
            self._wilds[text] = len(self.wilds)
        return self._wilds[text]

    def deeper(self, node: Node) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise node.wrong(
                f"more than {DEEPEST} types or groups are made of each other here, or in a circle"
            )

    def _stand(self, number: int, on: list[int], node: Node) -> None:
        """Notes of which types the type is made, so that no row of them gets long."""
        height = 1 + max((self._heights.get(one, 0) for one in on), default=0)
        if height > DEEPEST:
            raise node.wrong(f"more than {DEEPEST} types are made of each other here")
        self._heights[number] = height

    # Elements

    def element(self, placed: Placed) -> int:
        """The number of a declaration, not of a reference. Raises Wrong."""
        node = placed.node
        if (known := self._declared.get(id(node))) is not None:
            return known
        made: dict[str, Any] = {"name": node.get("name")}
        self._new_element(made)
        number = self._declared[id(node)] = len(self.elements)
        if not node.get("name"):
            raise node.wrong("this xs:element has neither a name nor a ref")
        for one in ("nillable", "abstract"):
            if is_true(node, one):
                made[one] = True
        if "fixed" in node.attributes:
            made["fixed"] = node.get("fixed")
        if "default" in node.attributes:
            made["default"] = True
        if blocked := block(placed, ("extension", "restriction")):
            made["block"] = dict.fromkeys(blocked, True)
        children = inside(node)
        only(node, children, {"simpleType", "complexType", *IDENTITY})
        if any(one.name in IDENTITY for one in children):
            self.schemas.remark(node, "xs:key, xs:keyref and xs:unique are not checked")
        types = [one for one in children if one.name not in IDENTITY]
        if len(types) + ("type" in node.attributes) > 1:
            raise node.wrong("an element has one type, by its attribute or within it")
        self._waiting.append(lambda: made.update(type=self._element_type(placed, types, 0)))
        return number

    def _new_element(self, made: dict[str, Any]) -> None:
        if len(self.nodes) + len(self.elements) >= MOST_NODES:
            raise Wrong(f"the document has more than {MOST_NODES:,} types and elements")
        self.elements.append(made)

    def synthetic(self, name: str, parts: list[tuple[str, str, Node]]) -> int:
        """The element of a call: its parts, each with its type's key, without a namespace."""
        made: dict[str, Any] = {"name": name}
        self._new_element(made)
        number = len(self.elements)
        numbers = {}
        for part, type_key, node in parts:
            inner: dict[str, Any] = {"name": part, "type": self.named(type_key, node)}
            self._new_element(inner)
            numbers[part] = len(self.elements)
        content = self.particles.in_order(numbers)
        made["type"] = self._new({"complex": True})
        self._finish(self.nodes[-1], Complex(content, False))
        return number

    def _element_type(self, placed: Placed, types: list[Node], depth: int) -> int:
        node = placed.node
        if types:
            return self.anonymous(placed.inner(types[0]))
        if "type" in node.attributes:
            return self.named(node.meant(node.get("type")), node)
        if head := node.get("substitutionGroup"):
            if depth > DEEPEST:
                raise node.wrong("its substitution group leads in a circle")
            above = self.schemas.get("element", node.meant(head), node)
            inner = [one for one in inside(above.node) if one.name in ("simpleType", "complexType")]
            return self._element_type(above, inner, depth + 1)
        return self.any_type

    # Types

    def named(self, name: str, at: Node) -> int:
        """Raises Wrong."""
        if name in self._numbers:
            return self._numbers[name]
        if name.startswith(f"{{{XS}}}"):
            return self._built_in(name, at)
        placed = self.schemas.get("complexType", name, at)
        return self.anonymous(placed, name)

    def anonymous(self, placed: Placed, name: str = "") -> int:
        if (known := self._anonymous.get(id(placed.node))) is not None:
            return known
        made: dict[str, Any] = {}
        number = self._anonymous[id(placed.node)] = self._new(made)
        self._placed[number] = placed
        if name:
            self._numbers[name] = number
        if placed.node.name == "simpleType":
            self._simple(made, placed, number)
        else:
            made["complex"] = True
            if is_true(placed.node, "abstract"):
                made["abstract"] = True
            if blocked := block(placed, ("extension", "restriction")):
                made["block"] = dict.fromkeys(blocked, True)
            self._waiting.append(lambda: self._finish(made, self.complex(number, placed)))
        return number

    def _built_in(self, name: str, at: Node) -> int:
        local = name.rpartition("}")[2]
        found = simple.built_in(local)
        if found is None:
            raise at.wrong(f"the type xs:{local[:60]} is not understood")
        base, made = found
        number = self._numbers[name] = self._new(made)
        made["base"] = self.named(key(XS, base), at) if base else self.any_type
        made["by"] = "restriction"
        if local in simple.LISTS:
            made["item"] = self.named(key(XS, simple.LISTS[local]), at)
        return number

    def simple_of(self, number: int, at: Node) -> dict[str, Any]:
        if not self.nodes[number - 1].get("simple"):
            raise at.wrong("a simple type is wanted here")
        return self.nodes[number - 1]

    def _simple(self, made: dict[str, Any], placed: Placed, number: int) -> None:
        node = placed.node
        self.deeper(node)
        children = inside(node)
        only(node, children, {"restriction", "list", "union"})
        if len(children) != 1:
            raise node.wrong("a simple type is one restriction, list or union")
        (how,) = children
        if how.name == "restriction":
            only(how, inside(how), {"simpleType", *simple.FACETS})
            self._stand(number, [self.restrict(made, placed.inner(how))], node)
        else:
            members = self._members(placed.inner(how))
            self._stand(number, members, node)
            made.update({"simple": True, "kind": how.name, "white": "collapse"})
            made.update(base=self.named(ANY_SIMPLE, node), by="restriction")
            made.update({"item": members[0]} if how.name == "list" else {"members": members})
        self.depth -= 1

    def _members(self, placed: Placed) -> list[int]:
        """The types of which a list or a union is."""
        node = placed.node
        children = inside(node)
        only(node, children, {"simpleType"})
        attribute = "itemType" if node.name == "list" else "memberTypes"
        members = [self.named(node.meant(one), node) for one in node.get(attribute).split()]
        members += [self.anonymous(placed.inner(one)) for one in children]
        for one in members:
            self.simple_of(one, node)
        if not members or (node.name == "list" and len(members) > 1):
            raise node.wrong(f"xs:{node.name} lacks its types, or has too many")
        return members

    def restrict(self, made: dict[str, Any], placed: Placed, base: int = 0) -> int:
        """Makes a simple type narrower, by the facets within a restriction; returns which."""
        node, children = placed.node, inside(placed.node)
        types = [one for one in children if one.name == "simpleType"]
        facets = [one for one in children if one.name in simple.FACETS]
        if types:
            base = self.anonymous(placed.inner(types[0]))
        elif not base:
            base = self.named(node.meant(node.get("base")), node)
        own = {name: value for name, value in self.simple_of(base, node).items() if name != "block"}
        made.update(own)
        made.update(base=base, by="restriction")
        if patterns := simple.narrowed(made, facets):
            made["patterns"] = [*own.get("patterns", ()), self._pattern(patterns, node)]
        return base

    def _pattern(self, patterns: tuple[str, ...], at: Node) -> int:
        if patterns not in self._patterns:
            try:
                found = automaton(patterns)
            except Unfit as error:
                raise at.wrong(f'the pattern "{patterns[0][:80]}" {error}') from None
            self.entries += len(found.next)
            self.steps += found.steps
            if self.entries > MOST_AUTOMATON_ENTRIES or self.steps > MOST_STEPS:
                raise at.wrong("the document's patterns together need too much memory or time")
            self.automata.append(found.table)
            self._patterns[patterns] = len(self.automata)
        return self._patterns[patterns]

    # Complex types

    def complex(self, number: int, placed: Placed) -> Complex:
        """Of the type that has this number. Raises Wrong."""
        if number not in self._complex:
            self.deeper(placed.node)
            made = self.nodes[number - 1]
            self._complex[number] = self._read_complex(made, placed)
            self._stand(number, [made["base"]], placed.node)
            self.depth -= 1
        return self._complex[number]

    def _read_complex(self, made: dict[str, Any], placed: Placed) -> Complex:
        node, children = placed.node, inside(placed.node)
        contents = [one for one in children if one.name in ("simpleContent", "complexContent")]
        is_mixed = is_true(node, "mixed")
        if not contents:
            made.update(base=self.any_type, by="restriction")
            return Complex(self.particles.of_type(placed), is_mixed, Attributes.read(self, placed))
        content = contents[0]
        if len(children) > 1:
            raise node.wrong(f"beside xs:{content.name} nothing stands in a type")
        steps = inside(content)
        only(content, steps, {"extension", "restriction"})
        if len(steps) != 1:
            raise content.wrong("it has one extension or restriction")
        step = placed.inner(steps[0])
        base = self.named(step.node.meant(step.node.get("base")), step.node)
        made.update(base=base, by=step.node.name)
        if content.name == "simpleContent":
            return self._simple_content(base, step)
        return self._complex_content(base, step, is_mixed or is_true(content, "mixed"))

    def _base(self, number: int) -> Complex:
        if number in self._complex:
            return self._complex[number]
        if self.nodes[number - 1].get("simple"):
            return Complex(number, False)
        return self.complex(number, self._placed[number])

    def _simple_content(self, base: int, step: Placed) -> Complex:
        above = self._base(base)
        around = {"simpleType", *simple.FACETS} if step.node.name == "restriction" else set()
        only(step.node, inside(step.node), ATTRIBUTES | around)
        own = Attributes.read(self, step)
        if step.node.name == "extension":
            if not isinstance(above.content, int):
                raise step.node.wrong("the type that it extends has no simple content")
            return Complex(above.content, False, above.attributes.extended(own))
        made: dict[str, Any] = {}
        number = self._new(made)
        value = above.content if isinstance(above.content, int) else 0
        if not value and not any(one.name == "simpleType" for one in inside(step.node)):
            raise step.node.wrong("the type that it restricts has no simple content")
        self.restrict(made, step, value)
        return Complex(number, False, above.attributes.restricted(own))

    def _complex_content(self, base: int, step: Placed, is_mixed: bool) -> Complex:
        above, own = self._base(base), self.particles.of_type(step)
        attributes = Attributes.read(self, step)
        if isinstance(above.content, int):
            raise step.node.wrong("the type that it is derived of has simple content")
        if step.node.name == "restriction":
            return Complex(own, is_mixed, above.attributes.restricted(attributes))
        if above.content is None:
            raise step.node.wrong("an extension of xs:anyType is not understood")
        if own == NOTHING:
            own, is_mixed = above.content, is_mixed or above.is_mixed
        elif above.content != NOTHING:
            if isinstance(own, All) or isinstance(above.content, All):
                raise step.node.wrong("xs:all cannot be extended, nor extend what has elements")
            own = Sequence((above.content, own))
        return Complex(own, is_mixed, above.attributes.extended(attributes))

    def _finish(self, made: dict[str, Any], found: Complex) -> None:
        if isinstance(found.content, int):
            made["value"] = found.content
        elif found.content is not None:
            if found.is_mixed:
                made["mixed"] = True
            if found.content != NOTHING:
                self.models.append(model(found.content, self.wilds, self.effort))
                made["model"] = len(self.models)
        made.update(found.attributes.table)

    def wildcard(self, placed: Placed) -> int:
        return self.wild(wildcard(placed))

    @property
    def table(self) -> dict[str, Any]:
        return {
            "types": self.nodes,
            "elements": self.elements,
            "models": self.models,
            "wilds": self.wilds,
            "automata": self.automata,
        }
