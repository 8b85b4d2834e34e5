"""What may stand in a complex type: sequences, choices, groups and references, as particles of content.py."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from policies.catalog.soap_validation.content import All, Choice, Leaf, Many, Particle, Sequence
from policies.catalog.soap_validation.document import Node, key
from policies.catalog.soap_validation.schemas import Placed, block, inside, occurs, only

if TYPE_CHECKING:
    from policies.catalog.soap_validation.types import Types

GROUPS = {"sequence", "choice", "all", "group"}
ATTRIBUTES = {"attribute", "attributeGroup", "anyAttribute"}
MOST = 60_000
"""Particles of a document, where what groups refer to is counted each time."""
NOTHING = Sequence(())


class Particles:
    def __init__(self, types: "Types") -> None:
        self.types = types
        self.count = 0
        self._members: dict[str, list[str]] | None = None

    def of_type(self, placed: Placed) -> Particle:
        """The content of a type, or of what extends or restricts one. Raises Wrong."""
        children = inside(placed.node)
        only(placed.node, children, GROUPS | ATTRIBUTES)
        found = [one for one in children if one.name in GROUPS]
        if len(found) > 1:
            raise placed.node.wrong("a type has one group of elements; put them into an xs:sequence")
        return self._read(placed.inner(found[0]), is_top=True) if found else NOTHING

    def in_order(self, elements: Mapping[str, int]) -> Particle:
        return Sequence(tuple(Leaf({name: number}) for name, number in elements.items()))

    def _read(self, placed: Placed, *, is_top: bool = False) -> Particle:
        node = placed.node
        self.count += 1
        if self.count > MOST:
            raise node.wrong("the document's groups together have too many elements")
        least, most = occurs(node)
        if most == 0:
            return NOTHING
        found: Particle
        match node.name:
            case "element":
                found = self._element(placed)
            case "any":
                found = Leaf(wild=self.types.wildcard(placed))
            case "sequence" | "choice":
                parts = tuple(self._read(placed.inner(one)) for one in self._parts(node))
                found = Sequence(parts) if node.name == "sequence" else Choice(parts)
                if found == Choice(()):
                    raise node.wrong("an xs:choice of nothing lets nothing pass")
            case "group":
                found = self._group(placed, is_top=is_top)
            case _:
                return self._all(placed, least, most, is_top=is_top)
        if isinstance(found, All):
            if most != 1 or least > 1:
                raise node.wrong("a group of xs:all comes once at most")
            return All(found.elements, found.is_needed and least == 1)
        if found == NOTHING or (least, most) == (1, 1):
            return found
        return Many(found, least, most)

    def _parts(self, node: Node) -> list[Node]:
        found = inside(node)
        only(node, found, {"element", "any", "sequence", "choice", "group"})
        return found

    def _group(self, placed: Placed, *, is_top: bool) -> Particle:
        node = placed.node
        named = self.types.schemas.get("group", node.meant(node.get("ref")), node)
        children = inside(named.node)
        only(named.node, children, {"sequence", "choice", "all"})
        if len(children) != 1:
            raise named.node.wrong("a group is one xs:sequence, xs:choice or xs:all")
        self.types.deeper(node)
        found = self._read(named.inner(children[0]), is_top=is_top)
        self.types.depth -= 1
        return found

    def _all(self, placed: Placed, least: int, most: int | None, *, is_top: bool) -> Particle:
        node = placed.node
        if not is_top:
            raise node.wrong("xs:all stands within another group, which is not understood")
        if most != 1:
            raise node.wrong("xs:all comes once at most")
        children = inside(node)
        only(node, children, {"element"})
        found: dict[str, tuple[int, bool]] = {}
        for one in children:
            at_least, at_most = occurs(one)
            if at_most == 0:
                continue
            if at_most != 1:
                raise one.wrong("within xs:all an element comes once at most")
            self.count += 1
            leaf = self._element(placed.inner(one))
            if len(leaf.elements) != 1:
                raise one.wrong("a substitution group within xs:all is not understood")
            for name, number in leaf.elements.items():
                if name in found:
                    raise one.wrong("an element stands in xs:all twice")
                found[name] = number, at_least == 1
        return All(found, least == 1) if found else NOTHING

    def _element(self, placed: Placed) -> Leaf:
        node, types = placed.node, self.types
        if "ref" in node.attributes:
            if node.attributes.keys() & {"name", "type", "nillable", "default", "fixed", "form", "block"}:
                raise node.wrong("beside ref an element has minOccurs and maxOccurs alone")
            name = node.meant(node.get("ref"))
            return Leaf(self._substitutes(name, node))
        form = node.get("form", "qualified" if placed.schema.is_element_qualified else "unqualified")
        if form not in ("qualified", "unqualified"):
            raise node.wrong("form is qualified or unqualified")
        if node.attributes.keys() & {"substitutionGroup", "abstract", "final"}:
            raise node.wrong("substitutionGroup, abstract and final are for elements right in xs:schema")
        name = key(placed.schema.target if form == "qualified" else "", node.get("name"))
        return Leaf({name: types.element(placed)})

    def _substitutes(self, name: str, at: Node) -> dict[str, int]:
        """What may stand where an element of the schema is referred to: itself, and who substitutes it."""
        head = self.types.schemas.get("element", name, at)
        found = {name: self.types.element(head)}
        blocked = block(head, ("substitution",))
        waiting = [] if blocked else [name]
        while waiting:
            for member in self._groups.get(waiting.pop(), ()):
                if member not in found:
                    self.count += 1
                    found[member] = self.types.element(self.types.schemas.get("element", member, at))
                    waiting.append(member)
        if self.count > MOST:
            raise at.wrong("the document's groups together have too many elements")
        return found

    @property
    def _groups(self) -> dict[str, list[str]]:
        if self._members is None:
            self._members = {}
            for name, placed in self.types.schemas.names("element"):
                for head in placed.node.get("substitutionGroup").split():
                    self._members.setdefault(placed.node.meant(head), []).append(name)
        return self._members
