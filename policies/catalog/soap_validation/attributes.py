"""Attributes of complex types."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from policies.catalog.soap_validation.document import XML, Node, key
from policies.catalog.soap_validation.schemas import Placed, inside, only
from policies.catalog.soap_validation.simple import ANY_SIMPLE, XS

if TYPE_CHECKING:
    from policies.catalog.soap_validation.types import Types

OF_XML = {"lang": "string", "space": "NCName", "base": "anyURI", "id": "ID"}


@dataclass
class Attributes:
    """By key: the type's number, the fixed value or None. Of the wildcards `wild` one is enough."""

    known: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    needed: set[str] = field(default_factory=set)
    prohibited: set[str] = field(default_factory=set)
    wild: tuple[int, ...] = ()

    @classmethod
    def of_any(cls, wild: int) -> "Attributes":
        return cls(wild=(wild,))

    @classmethod
    def read(cls, types: "Types", placed: Placed) -> "Attributes":
        """Those that stand right in a type, or in what extends or restricts one. Raises Wrong."""
        made = cls()
        for one in inside(placed.node):
            inner = placed.inner(one)
            if one.name == "attribute":
                made._add(types, inner)
            elif one.name == "attributeGroup":
                made._add_group(types, inner)
            elif one.name == "anyAttribute":
                made._add_wild(types.wildcard(inner), one)
        return made

    def _add(self, types: "Types", placed: Placed) -> None:
        node = placed.node
        types.effort.entries += 1
        types.effort.check()
        name, found = use_of(types, placed)
        use = node.get("use", "optional")
        if use not in ("optional", "required", "prohibited"):
            raise node.wrong("use is optional, required or prohibited")
        if name in self.known:
            raise node.wrong("an attribute is declared twice in one type")
        if use == "prohibited":
            self.prohibited.add(name)
            return
        self.known[name] = found
        if use == "required":
            self.needed.add(name)

    def _add_group(self, types: "Types", placed: Placed) -> None:
        node = placed.node
        named = types.schemas.get("attributeGroup", node.meant(node.get("ref")), node)
        only(named.node, inside(named.node), {"attribute", "attributeGroup", "anyAttribute"})
        types.deeper(node)
        found = Attributes.read(types, named)
        types.depth -= 1
        if found.known.keys() & self.known.keys():
            raise node.wrong("an attribute is declared twice in one type")
        types.effort.entries += len(found.known)
        types.effort.check()
        self.known.update(found.known)
        self.needed |= found.needed
        for one in found.wild:
            self._add_wild(one, node)

    def _add_wild(self, wild: int, at: Node) -> None:
        if self.wild not in ((), (wild,)):
            raise at.wrong("two different xs:anyAttribute in one type are not understood")
        self.wild = (wild,)

    def extended(self, own: "Attributes") -> "Attributes":
        return Attributes(
            {**self.known, **own.known},
            self.needed | own.needed,
            set(),
            tuple(dict.fromkeys((*self.wild, *own.wild))),
        )

    def restricted(self, own: "Attributes") -> "Attributes":
        kept = {name: it for name, it in self.known.items() if name not in own.prohibited}
        return Attributes(
            {**kept, **own.known},
            ((self.needed - own.known.keys()) | own.needed) - own.prohibited,
            set(),
            own.wild,
        )

    @property
    def table(self) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if self.known:
            made["attributes"] = {
                name: [it for it in one if it is not None] for name, one in self.known.items()
            }
        if self.needed:
            made["needed"] = sorted(self.needed)
        if self.wild:
            made["wild"] = list(self.wild)
        return made


def use_of(types: "Types", placed: Placed) -> tuple[str, tuple[int, str | None]]:
    """The key of an attribute, its type and its fixed value. Raises Wrong."""
    node = placed.node
    fixed = node.attributes.get("fixed")
    if ref := node.get("ref"):
        name = node.meant(ref)
        if name.startswith(f"{{{XML}}}") and name not in dict(types.schemas.names("attribute")):
            kind = OF_XML.get(name.rpartition("}")[2])
            if not kind:
                raise node.wrong(f'there is no attribute "{ref[:80]}"')
            return name, (types.named(key(XS, kind), node), fixed)
        _, (number, own) = use_of(types, types.schemas.get("attribute", name, node))
        return name, (number, own if fixed is None else fixed)
    if not node.get("name"):
        raise node.wrong("this xs:attribute has neither a name nor a ref")
    inner = inside(node)
    only(node, inner, {"simpleType"})
    if len(inner) + ("type" in node.attributes) > 1:
        raise node.wrong("an attribute has one type, by its attribute or within it")
    if inner:
        number = types.anonymous(placed.inner(inner[0]))
    else:
        named = node.meant(node.get("type")) if "type" in node.attributes else ANY_SIMPLE
        number = types.named(named, node)
    types.simple_of(number, node)
    is_top = types.schemas.found["attribute"].get(key(placed.schema.target, node.get("name")))
    is_global = is_top is not None and is_top.node is node
    form = node.get("form", "qualified" if placed.schema.is_attribute_qualified else "unqualified")
    is_qualified = is_global or form == "qualified"
    return key(placed.schema.target if is_qualified else "", node.get("name")), (number, fixed)
