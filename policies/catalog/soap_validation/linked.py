"""A WSDL document with the documents of its server that it imports and includes, and these, within bounds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urldefrag, urljoin, urlsplit

from policies.catalog.soap_validation.document import XML, Node, Wrong, read
from policies.catalog.soap_validation.simple import XS

WSDL = "http://schemas.xmlsoap.org/wsdl/"
MOST_DOCUMENTS, MOST_CHARACTERS = 50, 2 * 1024 * 1024
WELL_KNOWN = {XML, XS}
"""Namespaces whose schemas need not be had."""
PORTS = {"http": 80, "https": 443}


class MissingDocuments(Exception):
    """Some documents are not at hand; which, by their URLs."""

    def __init__(self, urls: list[str]) -> None:
        # A query may hold a secret.
        shown = ", ".join(dict.fromkeys(url.partition("?")[0][:200] for url in urls[:5]))
        super().__init__(f"{shown}: not fetched yet")


@dataclass
class Linked:
    """`texts` are those of the other documents, by URL."""

    definitions: list[Node] = field(default_factory=list)
    schemas: list[Node] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


def refers(root: Node) -> bool:
    """Whether a WSDL document needs others, perhaps."""
    if any(one.get("location") for one in root.of(WSDL, "import")):
        return True
    schemas = [schema for types in root.of(WSDL, "types") for schema in types.of(XS, "schema")]
    return any(
        one.get("schemaLocation") and one.get("namespace") not in WELL_KNOWN
        for schema in schemas
        for one in schema.of(XS)
        if one.name in ("import", "include")
    )


def linked(text: str, url: str, get: Callable[[str], str | None]) -> Linked:
    """`url` is where the text comes from, "" where it stands in a configuration.

    Raises Wrong and MissingDocuments.
    """
    return _Linking(url, get).linked(text)


class _Linking:
    def __init__(self, url: str, get: Callable[[str], str | None]) -> None:
        self.url, self.get = url, get
        self.made = Linked()
        self.adopted: dict[str, str] = {}
        self.away: list[str] = []
        self.size = 0
        self.waiting: list[tuple[str, str]] = []
        """URLs, and the namespace of what includes them."""
        self.unread: list[tuple[Node, str]] = []

    def linked(self, text: str) -> Linked:
        root = read(text)
        if (root.uri, root.name) != (WSDL, "definitions"):
            raise root.wrong("write a WSDL 1.1 document, which begins with <definitions>")
        self._take(root, self.url, "")
        for url, target in self.waiting:
            self._load(url, target)
        targets = {one.get("targetNamespace") for one in self.made.schemas}
        for node, location in self.unread:
            if node.name == "include" or node.uri == WSDL or node.get("namespace") not in targets:
                where = "is of another server, and" if self.url else "is"
                raise node.wrong(
                    f'the document at "{location[:200]}" {where} not read; put what it holds into this one'
                )
        if self.away:
            raise MissingDocuments(self.away)
        return self.made

    def _load(self, url: str, target: str) -> None:
        if url in self.adopted:
            if self.adopted[url] not in ("", target) and target:
                raise Wrong(f'"{url[:200]}" is included for two namespaces, which is not understood')
            return
        self.adopted[url] = ""
        if len(self.adopted) > MOST_DOCUMENTS:
            raise Wrong(f"there are more than {MOST_DOCUMENTS} documents")
        text = self.get(url)
        if text is None:
            self.away.append(url)
            return
        self.size += len(text)
        if self.size > MOST_CHARACTERS:
            raise Wrong(f"the documents together have more than {MOST_CHARACTERS // 1024} KB")
        self.made.texts[url] = text
        self._take(read(text, urlsplit(url).path.rpartition("/")[2][:60] or url[-60:]), url, target)

    def _take(self, root: Node, url: str, target: str) -> None:
        if (root.uri, root.name) == (WSDL, "definitions"):
            self.made.definitions.append(root)
            for one in root.of(WSDL, "import"):
                self._refer(one, one.get("location"), url, "")
            for types in root.of(WSDL, "types"):
                for one in types.children:
                    if (one.uri, one.name) != (XS, "schema"):
                        raise one.wrong(
                            f"<{one.name[:60]}> within types is not understood; only xs:schema is"
                        )
                    self._take_schema(one, url)
        elif (root.uri, root.name) == (XS, "schema"):
            if target and "targetNamespace" not in root.attributes:
                self.adopted[url] = target
                _adopt(root, target)
            self._take_schema(root, url)
        else:
            raise root.wrong("this is neither WSDL 1.1 nor a schema")

    def _take_schema(self, schema: Node, url: str) -> None:
        self.made.schemas.append(schema)
        for one in schema.of(XS):
            if one.name == "include":
                self._refer(one, one.get("schemaLocation"), url, schema.get("targetNamespace"))
            elif one.name == "import" and one.get("namespace") not in WELL_KNOWN:
                self._refer(one, one.get("schemaLocation"), url, "")

    def _refer(self, node: Node, location: str, base: str, target: str) -> None:
        location = location.strip()
        if not location:
            return
        found = _resolved(base, location) if base else None
        if found is None or not _is_same_server(found, self.url):
            self.unread.append((node, location))
        elif found != self.url:
            self.waiting.append((found, target))


def _resolved(base: str, location: str) -> str | None:
    try:
        return urldefrag(urljoin(base, location))[0]
    except ValueError:
        return None


def _is_same_server(one: str, other: str) -> bool:
    return _server(one) == _server(other) is not None and _is_plain(one)


def _server(url: str) -> tuple[str, str | None, int | None] | None:
    try:
        at = urlsplit(url)
        port = at.port or PORTS.get(at.scheme)
    except ValueError:
        return None
    return (at.scheme, at.hostname, port) if at.scheme in PORTS and at.username is None else None


def _is_plain(url: str) -> bool:
    return len(url) <= 2000 and url.isascii() and url.isprintable() and " " not in url


def _adopt(root: Node, target: str) -> None:
    """Makes a schema without a namespace one of the namespace that includes it."""
    root.attributes = {**root.attributes, "targetNamespace": target}
    changed: dict[int, tuple[Mapping[str, str], dict[str, str]]] = {}
    for one in _all(root):
        before = one.prefixes
        if not before.get(""):
            if id(before) not in changed:
                changed[id(before)] = before, {**before, "": target}
            one.prefixes = changed[id(before)][1]


def _all(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += one.children
