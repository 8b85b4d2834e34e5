"""The schemas of a document, and where what they declare is found by its name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from policies.catalog.soap_validation.document import Node, key, short
from policies.catalog.soap_validation.simple import FACETS, XS

KINDS = {"element", "attribute", "complexType", "simpleType", "group", "attributeGroup"}
_SAYS_NOTHING = {"annotation", "notation"}
_OCCURS = {"id", "minOccurs", "maxOccurs"}
_UNDERSTOOD = {
    "schema": {"id", "version", "targetNamespace", "elementFormDefault", "attributeFormDefault",
               "blockDefault", "finalDefault"},
    "element": {*_OCCURS, "name", "ref", "type", "substitutionGroup", "nillable", "abstract", "default",
                "fixed", "form", "block", "final"},
    "attribute": {"id", "name", "ref", "type", "use", "default", "fixed", "form"},
    "complexType": {"id", "name", "mixed", "abstract", "block", "final"},
    "simpleType": {"id", "name", "final"},
    "group": {*_OCCURS, "name", "ref"},
    "attributeGroup": {"id", "name", "ref"},
    "sequence": _OCCURS, "choice": _OCCURS, "all": _OCCURS,
    "any": {*_OCCURS, "namespace", "processContents"},
    "anyAttribute": {"id", "namespace", "processContents"},
    "complexContent": {"id", "mixed"}, "simpleContent": {"id"},
    "extension": {"id", "base"}, "restriction": {"id", "base"},
    "list": {"id", "itemType"}, "union": {"id", "memberTypes"},
    "import": {"id", "namespace", "schemaLocation"}, "include": {"id", "schemaLocation"},
    "annotation": set(), "notation": set(),
    **{name: {"id", "name", "refer"} for name in ("key", "keyref", "unique")},
    **{name: {"id", "value", "fixed"} for name in FACETS},
}  # fmt: skip
IDENTITY = {"key", "keyref", "unique"}


@dataclass(frozen=True)
class Schema:
    """What holds for all that stands in one xs:schema."""

    target: str
    is_element_qualified: bool
    is_attribute_qualified: bool
    block: str


@dataclass(frozen=True)
class Placed:
    node: Node
    schema: Schema

    def inner(self, node: Node) -> "Placed":
        return Placed(node, self.schema)


def inside(node: Node) -> list[Node]:
    """The children that say something. Raises Wrong for what is none of XML Schema's."""
    found = []
    for one in node.children:
        if one.uri != XS or one.name not in _UNDERSTOOD:
            raise one.wrong(f"<{one.name[:60]}> within xs:{node.name} is not understood")
        if one.name in _SAYS_NOTHING:
            continue
        check(one)
        found.append(one)
    return found


def check(node: Node) -> None:
    for name in node.attributes:
        if not name.startswith("{") and name not in _UNDERSTOOD[node.name]:
            raise node.wrong(f'"{name[:60]}" of xs:{node.name} is not understood')
        if name.startswith(f"{{{XS}}}"):
            raise node.wrong(f'"{short(name)}" of xs:{node.name} stands in no namespace')


def only(node: Node, found: Iterable[Node], names: set[str]) -> None:
    for one in found:
        if one.name not in names:
            raise one.wrong(f"xs:{one.name} may not stand here, within xs:{node.name}")


def is_true(node: Node, name: str) -> bool:
    value = node.get(name, "false").strip()
    if value not in ("true", "false", "1", "0"):
        raise node.wrong(f'"{name}" is true or false')
    return value in ("true", "1")


class Schemas:
    """Raises Wrong for what is declared twice."""

    def __init__(self, roots: Iterable[Node]) -> None:
        self.found: dict[str, dict[str, Placed]] = {kind: {} for kind in KINDS}
        self.remarks: dict[str, None] = {}
        for root in roots:
            self._collect(root)

    def _collect(self, root: Node) -> None:
        check(root)
        schema = Schema(
            root.get("targetNamespace"),
            root.get("elementFormDefault") == "qualified",
            root.get("attributeFormDefault") == "qualified",
            root.get("blockDefault"),
        )
        for one in inside(root):
            if one.name in ("import", "include"):
                continue
            if one.name not in KINDS:
                raise one.wrong(f"xs:{one.name} may not stand here, within xs:schema")
            name = one.get("name")
            if not name:
                raise one.wrong(f"this xs:{one.name} has no name")
            kind = "complexType" if one.name == "simpleType" else one.name
            known = self.found[kind].setdefault(key(schema.target, name), Placed(one, schema))
            if known.node is not one:
                raise one.wrong(f'"{name[:80]}" is declared a second time; first in {known.node.place}')

    def get(self, kind: str, name: str, at: Node) -> Placed:
        """Raises Wrong."""
        try:
            return self.found[kind][name]
        except KeyError:
            what = "type" if kind == "complexType" else kind
            raise at.wrong(f'there is no {what} "{name[:200]}" in the document') from None

    def names(self, kind: str) -> Iterator[tuple[str, Placed]]:
        yield from self.found[kind].items()

    def remark(self, node: Node, words: str) -> None:
        self.remarks[f"{node.place}: {words}"] = None


def occurs(node: Node) -> tuple[int, int | None]:
    """How often a particle comes at least, and at most. Raises Wrong."""
    least, most = node.get("minOccurs", "1").strip(), node.get("maxOccurs", "1").strip()
    for value in (least, most if most != "unbounded" else "0"):
        if not value.isascii() or not value.isdigit() or len(value) > 9:
            raise node.wrong("minOccurs and maxOccurs are whole numbers, or maxOccurs unbounded")
    found = int(least), None if most == "unbounded" else int(most)
    if found[1] is not None and found[1] < found[0]:
        raise node.wrong("maxOccurs is less than minOccurs")
    return found


def wildcard(placed: Placed) -> dict[str, object]:
    """Which namespaces xs:any or xs:anyAttribute admits, and how what it admits is judged. Raises Wrong."""
    node, target = placed.node, placed.schema.target
    judged = node.get("processContents", "strict")
    if judged not in ("strict", "lax", "skip"):
        raise node.wrong("processContents is strict, lax or skip")
    text = node.get("namespace", "##any").strip()
    if text == "##any":
        return {"how": judged}
    if text == "##other":
        return {"how": judged, "no": {"": True, target: True}}
    own = {"##targetNamespace": target, "##local": ""}
    named = [own.get(one, one) for one in text.split()]
    if any(one.startswith("##") for one in named):
        raise node.wrong(f'namespace "{text[:80]}" is not understood')
    return {"how": judged, "in": dict.fromkeys(named, True)}


def block(placed: Placed, kinds: Iterable[str]) -> list[str]:
    """By which derivations another type, or element, may not stand in the place of this one."""
    text = placed.node.get("block", placed.schema.block).split()
    return sorted(one for one in kinds if one in text or "#all" in text)
