"""Documents that are not understood are refused with the line, and the largest ones take little time."""

import time

import pytest

from policies.catalog.soap_validation.document import Wrong, decoded
from policies.catalog.soap_validation.linked import MissingDocuments, linked
from policies.catalog.soap_validation.wsdl import described, described_with

WSDL = """<definitions targetNamespace="urn:t" xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:t="urn:t" xmlns:o="urn:o"
  xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xs="http://www.w3.org/2001/XMLSchema"
  xmlns:mime="http://schemas.xmlsoap.org/wsdl/mime/" xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/">
<types><xs:schema targetNamespace="urn:t"><xs:element name="t" type="xs:int"/>
<!-- here --></xs:schema></types>
<message name="In"><part name="body" element="t:t"/></message>
<portType name="P"><operation name="Do"><input message="t:In"/></operation></portType>
<binding name="B" type="t:P"><soap:binding/>
<operation name="Do"><soap:operation soapAction=""/><input><soap:body use="literal"/></input></operation></binding>
</definitions>"""


def with_schema(text: str) -> str:
    return WSDL.replace("<!-- here -->", text)


def with_type(text: str) -> str:
    return with_schema(f'<xs:complexType name="T">{text}</xs:complexType>')


def with_facet(kind: str, facet: str) -> str:
    return with_schema(
        f'<xs:simpleType name="T"><xs:restriction base="xs:{kind}">{facet}</xs:restriction></xs:simpleType>'
    )


REFUSED = {
    "nothing": ("", "no XML"),
    "a document type": ("<!DOCTYPE d><d/>", "document type"),
    "entities": ('<!DOCTYPE d [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><d>&b;</d>', "document type"),
    "another document": ("<openapi/>", "write a WSDL 1.1 document"),
    "WSDL 2.0": ('<description xmlns="http://www.w3.org/ns/wsdl"/>', "write a WSDL 1.1 document"),
    "half": (WSDL[:-5], "line 10: this is no XML"),
    "an import of WSDL": (WSDL.replace("<types>", '<import namespace="u" location="b.wsdl"/><types>'), '"b.wsdl" is not read'),
    "an include": (with_schema('<xs:include schemaLocation="b.xsd"/>'), 'line 5: the document at "b.xsd" is not read'),
    "redefine": (with_schema('<xs:redefine schemaLocation="b.xsd"/>'), "<redefine> within xs:schema is not understood"),
    "encoded": (WSDL.replace("literal", "encoded"), 'use="encoded" is not understood'),
    "attachments": (WSDL.replace('<soap:body use="literal"/>', "<mime:multipartRelated/>"), "attachments"),
    "two parts": (WSDL.replace("<part ", '<part name="x" element="t:t"/><part '), "a document's body is one part"),
    "a part of a type": (WSDL.replace('element="t:t"', 'type="xs:int"'), "has an element, not a type"),
    "a call of elements": (WSDL.replace("<soap:binding/>", '<soap:binding style="rpc"/>'), "has a type, not an element"),
    "no such element": (WSDL.replace('element="t:t"', 'element="t:u"'), 'there is no element "{urn:t}u"'),
    "no such message": (WSDL.replace('message="t:In"', 'message="t:Out"'), 'there is no message "Out"'),
    "no such binding": (WSDL.replace("</definitions>", '<service name="S"><port name="A" binding="t:C"/></service></definitions>'), 'no binding "C"'),
    "no SOAP": (WSDL.replace("<soap:binding/>", ""), "no port of the document has an operation over SOAP"),
    "overloaded": (WSDL.replace("</portType>", '<operation name="Do"><input message="t:In"/></operation></portType>'), "overloading"),
    "a prefix": (WSDL.replace('type="t:P"', 'type="q:P"'), 'the prefix of "q:P" is not declared'),
    "twice": (with_schema('<xs:element name="t"/>'), 'line 5: "t" is declared a second time; first in line 4'),
    "no such type": (with_schema('<xs:element name="u" type="t:U"/>'), 'there is no type "{urn:t}U"'),
    "no such built-in": (with_schema('<xs:element name="u" type="xs:ENTITY"/>'), "the type xs:ENTITY is not understood"),
    "XML Schema 1.1": (with_type("<xs:assert test='true()'/>"), "<assert> within xs:complexType is not understood"),
    "an attribute of 1.1": (with_schema('<xs:element name="u" targetNamespace="v"/>'), '"targetNamespace" of xs:element'),
    "something foreign": (with_type("<o:x/>"), "<x> within xs:complexType is not understood"),
    "all in a sequence": (with_type("<xs:sequence><xs:all/></xs:sequence>"), "xs:all may not stand here"),
    "all in a group": (
        with_type("<xs:sequence><xs:group ref='t:G'/></xs:sequence>").replace("<xs:complexType", "<xs:group name='G'><xs:all>"
        "<xs:element name='a'/></xs:all></xs:group><xs:complexType", 1),
        "xs:all stands within another group",
    ),
    "two types of a name": (
        with_type('<xs:choice><xs:element name="a" type="xs:int"/><xs:element name="a" type="xs:string"/></xs:choice>'),
        '"a" is declared twice in one type',
    ),
    "ambiguous counts": (
        with_type('<xs:sequence maxOccurs="2"><xs:element ref="t:t" minOccurs="0" maxOccurs="20"/></xs:sequence>'), "ambiguous"
    ),
    "ambiguous wildcards": (with_type('<xs:choice><xs:any/><xs:any processContents="lax"/></xs:choice>'), "ambiguous"),
    "counts backwards": (with_type('<xs:sequence minOccurs="2"/>'), "maxOccurs is less than minOccurs"),
    "counts of nothing": (with_type('<xs:sequence minOccurs="-1"/>'), "whole numbers"),
    "a circle": (
        with_schema('<xs:complexType name="T"><xs:complexContent><xs:extension base="t:T"/></xs:complexContent></xs:complexType>'),
        "in a circle",
    ),
    "a circle of groups": (
        with_type('<xs:group ref="t:G"/>').replace("<xs:complexType", "<xs:group name='G'><xs:sequence><xs:group ref='t:G'/>"
        "</xs:sequence></xs:group><xs:complexType", 1),
        "in a circle",
    ),
    "a circle of unions": (with_schema('<xs:simpleType name="T"><xs:union memberTypes="t:T"/></xs:simpleType>'), "a simple type is wanted"),
    "SOAP's arrays": (
        with_schema('<xs:complexType name="T"><xs:complexContent><xs:restriction base="o:Array"/></xs:complexContent></xs:complexType>'),
        'there is no type "{urn:o}Array"',
    ),
    "a pattern that looks back": (with_facet("string", r'<xs:pattern value="(a)\1"/>'), "which means nothing"),
    "a pattern that looks around": (with_facet("string", '<xs:pattern value="(?=a)b"/>'), 'the pattern "(?=a)b" has a "?"'),
    "a pattern that is lazy": (with_facet("string", '<xs:pattern value="a+?"/>'), "repeats a repetition"),
    "a pattern that is too large": (with_facet("string", '<xs:pattern value=".*a.{30}"/>'), "needs too many states"),
    "a block of Unicode": (with_facet("string", r'<xs:pattern value="\p{IsOgham}"/>'), "a block of Unicode"),
    "a limit of another type": (with_facet("int", '<xs:minInclusive value="x"/>'), "is no value of the type"),
    "a limit of durations": (with_facet("duration", '<xs:minInclusive value="P1D"/>'), "is not understood for this type"),
    "a length of numbers": (with_facet("int", '<xs:maxLength value="1"/>'), "means nothing for this type"),
    "names in an enumeration": (with_facet("QName", '<xs:enumeration value="t:a"/>'), "an enumeration of xs:QName"),
    "blanks that come back": (with_facet("token", '<xs:whiteSpace value="preserve"/>'), "whiteSpace preserve"),
    "an extension of anything": (
        with_type('<xs:complexContent><xs:extension base="xs:anyType"/></xs:complexContent>'), "an extension of xs:anyType"
    ),
    "many levels": ("<a>" * 200 + "</a>" * 200, "more than 100 levels"),
    "many elements": (with_schema("<xs:annotation/>" * 60_000), "more than 60,000 elements"),
    "large counts of groups": (
        with_type("<xs:sequence maxOccurs='99999'><xs:element name='a'/><xs:element name='b'/></xs:sequence>"), "need too many states"
    ),
    "counts in counts": (
        with_type("<xs:sequence maxOccurs='99'>" * 20 + "<xs:element name='a'/>" + "</xs:sequence>" * 20), "need too many states"
    ),
    "groups that double": (
        with_schema(
            "".join(
                f"<xs:group name='g{at}'><xs:sequence><xs:group ref='t:g{at + 1}'/><xs:group ref='t:g{at + 1}'/></xs:sequence></xs:group>"
                for at in range(30)
            )
            + "<xs:group name='g30'><xs:sequence/></xs:group><xs:complexType name='T'><xs:group ref='t:g0'/></xs:complexType>"
        ),
        "too many elements",
    ),
    "groups deep in each other": (
        with_schema(
            "".join(
                f"<xs:group name='g{at}'>{'<xs:sequence>' * 60}<xs:element name='e'/><xs:group ref='t:g{at + 1}'/>{'</xs:sequence>' * 60}</xs:group>"
                for at in range(35)
            )
            + "<xs:group name='g35'><xs:sequence/></xs:group><xs:complexType name='T'><xs:group ref='t:g0'/></xs:complexType>"
        ),
        "too deep in each other",
    ),
    "types in a long row": (
        with_schema(
            "<xs:simpleType name='s0'><xs:restriction base='xs:int'/></xs:simpleType>"
            + "".join(f"<xs:simpleType name='s{at + 1}'><xs:restriction base='t:s{at}'/></xs:simpleType>" for at in range(50))
        ),
        "more than 40 types",
    ),
    "many prefixes": (with_schema("<xs:annotation " + " ".join(f"xmlns:p{at}='u'" for at in range(300)) + "/>"), "more than 200 prefixes"),
    "a large document": (WSDL + " " * 1024 * 1024, "more than 1024 KB"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_refused(name: str) -> None:
    text, words = REFUSED[name]
    began = time.perf_counter()

    with pytest.raises(Wrong) as found:
        described(text)

    assert words in str(found.value)
    assert time.perf_counter() - began < 5


def test_a_large_document_takes_little_time() -> None:
    """Hundreds of types, with many elements that may be absent, as tools make them."""
    elements = "".join(f'<xs:element name="e{at}" type="xs:string" minOccurs="0"/>' for at in range(30))
    types = "".join(
        f'<xs:complexType name="T{at}"><xs:sequence>{elements}</xs:sequence></xs:complexType>'
        for at in range(400)
    )
    began = time.perf_counter()

    found = described(with_schema(types))

    assert time.perf_counter() - began < 10
    assert len(found.table) < 4 * 1024 * 1024


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "encoding utf-7 is not read"),
        (b"<a>\xff</a>", "not in the encoding utf-8"),
        (b" " * (1024 * 1024 + 1), "more than 1024 KB"),
    ],
)
def test_documents_in_no_known_encoding_are_refused(content: bytes, words: str) -> None:
    with pytest.raises(Wrong) as found:
        decoded(content)

    assert words in str(found.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "utf-8-sig"])
def test_a_document_is_read_in_its_encoding(encoding: str) -> None:
    named = encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{named}"?>' + with_schema(
        '<xs:element name="\xe9" type="xs:int"/>'
    )

    assert '{urn:t}\xe9"' in described(decoded(text.encode(encoding))).table


def test_what_is_not_checked_is_told() -> None:
    text = with_schema('<xs:element name="u"><xs:key name="k"/></xs:element>')

    assert described(text).remarks == ("line 5: xs:key, xs:keyref and xs:unique are not checked",)


HOST = "https://orders.example.com/services/"
MAIN = WSDL.replace("<types>", '<import namespace="urn:t" location="p.wsdl"/><types>').replace(
    "<!-- here -->",
    '<xs:include schemaLocation="?xsd=1"/><xs:import namespace="urn:o" schemaLocation="../o.xsd"/>',
)
INTERFACE = WSDL[WSDL.index("<message") : WSDL.index("<binding")]
OTHERS = {
    HOST + "p.wsdl": WSDL[: WSDL.index("<types>")] + INTERFACE + "</definitions>",
    HOST
    + "orders?xsd=1": '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="u" type="U"/>'
    '<xs:simpleType name="U"><xs:restriction base="xs:int"/></xs:simpleType></xs:schema>',
    "https://orders.example.com/o.xsd": '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:o">'
    '<xs:include schemaLocation="/o.xsd"/><xs:element name="v"/></xs:schema>',
}


def of_several(main: str, others: dict[str, str]) -> str:
    found = linked(main, HOST + "orders?wsdl", others.get)
    return described_with(main, HOST + "orders?wsdl", tuple(found.texts.items())).table


def test_documents_of_the_same_server_are_read() -> None:
    table = of_several(MAIN.replace(INTERFACE, ""), OTHERS)

    assert all(f'"{name}":' in table for name in ("{urn:t}t", "{urn:t}u", "{urn:t}U", "{urn:o}v"))


def test_all_that_is_missing_is_asked_for_at_once() -> None:
    asked: list[str] = []

    with pytest.raises(MissingDocuments) as found:
        linked(MAIN, HOST + "orders?wsdl", asked.append)

    assert set(asked) == OTHERS.keys()
    assert "https://orders.example.com/o.xsd: not fetched yet" in str(found.value)
    assert "xsd=1" not in str(found.value)


@pytest.mark.parametrize(
    "location",
    ["http://orders.example.com/o.xsd", "https://orders.example.com:8443/o.xsd", "https://other.example.com/o.xsd",
     "file:///etc/passwd", "//other.example.com/o.xsd", "https://a@orders.example.com/o.xsd", "https://[/", "o\u00e9.xsd"],
)  # fmt: skip
def test_documents_of_other_servers_are_not(location: str) -> None:
    asked: list[str] = []

    with pytest.raises(Wrong, match="is of another server, and not read"):
        linked(
            MAIN.replace("../o.xsd", location),
            HOST + "orders?wsdl",
            lambda url: asked.append(url) or OTHERS.get(url),
        )

    assert set(asked) <= OTHERS.keys()


def test_a_mistake_is_told_with_its_document() -> None:
    with pytest.raises(Wrong, match=r"^o\.xsd, line 1: <x> within xs:schema is not understood"):
        of_several(
            MAIN.replace(INTERFACE, ""),
            OTHERS
            | {
                "https://orders.example.com/o.xsd": '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><x/></xs:schema>'
            },
        )


def test_documents_that_lead_to_ever_more_are_bounded() -> None:
    def next_one(url: str) -> str:
        return f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="{url}a"/></xs:schema>'

    with pytest.raises(Wrong, match="more than 50 documents"):
        linked(MAIN, HOST + "orders?wsdl", next_one)
