"""XML documents as trees whose names are resolved, within bounds, and never with a document type."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

MOST_BYTES = 1024 * 1024
MOST_ELEMENTS, MOST_LEVELS, MOST_PREFIXES, MOST_ATTRIBUTES = 60_000, 100, 200, 200
ENCODINGS = {"utf-8", "utf-16", "us-ascii", "iso-8859-1"}
XML = "http://www.w3.org/XML/1998/namespace"
_DECLARED = re.compile(rb"""\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")


class Wrong(ValueError):
    """What is wrong in a document, and where; `field` names what else of a configuration is wrong."""

    def __init__(self, message: str, line: int = 0, *, document: str = "", field: str = "") -> None:
        place = [document] if document else []
        place += [f"line {line}"] if line else []
        super().__init__(f"{', '.join(place)}: {message}" if place else message)
        self.field = field


@dataclass
class Node:
    """`attributes` are named as `{namespace}name`, or plainly without a namespace. `document` is the name of
    the document, "" for the first."""

    uri: str
    name: str
    attributes: Mapping[str, str]
    prefixes: Mapping[str, str]
    line: int
    document: str = ""
    children: list["Node"] = field(default_factory=list)

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default)

    @property
    def place(self) -> str:
        return f"{self.document}, line {self.line}" if self.document else f"line {self.line}"

    def wrong(self, message: str) -> Wrong:
        return Wrong(message, self.line, document=self.document)

    def of(self, uri: str, name: str = "") -> Iterator["Node"]:
        """The children of a namespace, and name."""
        return (one for one in self.children if one.uri == uri and name in ("", one.name))

    def meant(self, text: str) -> str:
        """The key of the qualified name that an attribute holds. Raises Wrong."""
        prefix, colon, local = text.strip().rpartition(":")
        if prefix == "xml":
            return key(XML, local)
        if prefix not in self.prefixes and colon:
            raise self.wrong(f'the prefix of "{text[:80]}" is not declared')
        return key(self.prefixes.get(prefix, ""), local)


def key(uri: str, name: str) -> str:
    return f"{{{uri}}}{name}" if uri else name


def short(name: str) -> str:
    """A key as people read it."""
    return name.rpartition("}")[2][:80]


def decoded(content: bytes) -> str:
    """Raises Wrong."""
    if len(content) > MOST_BYTES:
        raise Wrong(f"the document has more than {MOST_BYTES // 1024} KB")
    declared = _DECLARED.match(content[:200].removeprefix(b"\xef\xbb\xbf"))
    encoding = declared[1].decode().lower() if declared else "utf-8"
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    if encoding not in ENCODINGS:
        raise Wrong(f"the document's encoding {encoding} is not read; write it in UTF-8")
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeError:
        raise Wrong(f"the document is not in the encoding {encoding}, as it says") from None


def read(text: str, document: str = "") -> Node:
    """The root. Raises Wrong."""
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise Wrong(f"the document has more than {MOST_BYTES // 1024} KB")
    return _XmlReader(document).root(text.removeprefix("\ufeff"))


class _XmlReader:
    def __init__(self, document: str) -> None:
        self.document = document
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartNamespaceDeclHandler = self._declared
        self.parser.namespace_prefixes = False
        self.open: list[Node] = []
        self.found: Node | None = None
        self.count = 0
        self.declared: dict[str, str] = {}

    def root(self, text: str) -> Node:
        try:
            self.parser.Parse(text, True)
        except expat.ExpatError as error:
            raise Wrong(
                f"this is no XML: {expat.ErrorString(error.code)}", error.lineno, document=self.document
            ) from None
        except UnicodeError:
            raise Wrong("a text holds half of a character") from None
        if self.found is None:
            raise Wrong("this is no XML", document=self.document)
        return self.found

    def _wrong(self, message: str) -> Wrong:
        return Wrong(message, self.parser.CurrentLineNumber, document=self.document)

    def _doctype(self, *told: object) -> None:
        raise self._wrong("a document type (<!DOCTYPE) is never read; leave it out")

    def _declared(self, prefix: str | None, uri: str | None) -> None:
        self.declared[prefix or ""] = uri or ""
        if len(self.declared) > MOST_PREFIXES:
            raise self._wrong(f"an element declares more than {MOST_PREFIXES} prefixes")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > MOST_ELEMENTS:
            raise self._wrong(f"the document has more than {MOST_ELEMENTS:,} elements")
        if len(self.open) >= MOST_LEVELS:
            raise self._wrong(f"the document has more than {MOST_LEVELS} levels")
        if len(attributes) > MOST_ATTRIBUTES:
            raise self._wrong(f"an element has more than {MOST_ATTRIBUTES} attributes")
        outer = self.open[-1].prefixes if self.open else {}
        prefixes = {**outer, **self.declared} if self.declared else outer
        if len(prefixes) > MOST_PREFIXES:
            raise self._wrong(f"more than {MOST_PREFIXES} prefixes are declared here")
        self.declared = {}
        uri, _, local = name.rpartition(" ")
        named = {key(*(one.rpartition(" ")[::2])): value for one, value in attributes.items()}
        made = Node(uri, local, named, prefixes, self.parser.CurrentLineNumber, self.document)
        if self.open:
            self.open[-1].children.append(made)
        else:
            self.found = made
        self.open.append(made)

    def _end(self, name: str) -> None:
        self.open.pop()
