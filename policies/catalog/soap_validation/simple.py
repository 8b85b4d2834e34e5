"""Simple types: built-in ones of XML Schema, and their facets, as lexical.lua and value.lua read them."""

import re
from collections.abc import Mapping
from typing import Any

from policies.catalog.soap_validation.document import Node, key

XS = "http://www.w3.org/2001/XMLSchema"
ANY_TYPE, ANY_SIMPLE = key(XS, "anyType"), key(XS, "anySimpleType")
MOST_VALUES, MOST_LENGTH = 5_000, 2**31 - 1
ORDERED = {"decimal", "float", "date", "dateTime", "time"}
MEASURED = {"string", "name", "hexBinary", "base64Binary", "anyURI", "list"}
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?|-?INF|NaN")
_ZONE = r"(?:Z|[+-][0-9]{2}:[0-9]{2})?"
_DATE, _TIME = r"-?[0-9]{4,9}-[0-9]{2}-[0-9]{2}", r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,20})?"
BOUNDS = {
    "decimal": _NUMBER,
    "float": _FLOAT,
    "date": re.compile(_DATE + _ZONE),
    "dateTime": re.compile(f"{_DATE}T{_TIME}{_ZONE}"),
    "time": re.compile(_TIME + _ZONE),
}
_COUNTS = {
    "length": "length", "minLength": "least_length", "maxLength": "most_length", "totalDigits": "digits",
    "fractionDigits": "fraction",
}  # fmt: skip
_LIMITS = {
    "minInclusive": "least", "maxInclusive": "most", "minExclusive": "above", "maxExclusive": "below",
}  # fmt: skip
FACETS = {*_COUNTS, *_LIMITS, "enumeration", "pattern", "whiteSpace"}
WHITE = ("preserve", "replace", "collapse")


def _ranged(base: str, least: int | None, most: int | None) -> tuple[str, dict[str, Any]]:
    made = {"least": None if least is None else str(least), "most": None if most is None else str(most)}
    return base, {name: value for name, value in made.items() if value is not None}


_KINDS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "anySimpleType": ("", {"kind": "string", "white": "preserve"}),
    "string": ("anySimpleType", {}),
    "normalizedString": ("string", {"white": "replace"}),
    "token": ("normalizedString", {"white": "collapse"}),
    "language": ("token", {"kind": "name", "name": "language"}),
    "Name": ("token", {"kind": "name", "name": "Name"}),
    "NMTOKEN": ("token", {"kind": "name", "name": "NMTOKEN"}),
    "NCName": ("Name", {"name": "NCName"}),
    "ID": ("NCName", {}),
    "IDREF": ("NCName", {}),
    **{
        name: ("anySimpleType", {"kind": kind, "white": "collapse"})
        for name, kind in {
            "boolean": "boolean", "decimal": "decimal", "float": "float", "double": "float",
            "duration": "duration", "dateTime": "dateTime", "date": "date", "time": "time", "gYear": "gYear",
            "gYearMonth": "gYearMonth", "gMonth": "gMonth", "gMonthDay": "gMonthDay", "gDay": "gDay",
            "hexBinary": "hexBinary", "base64Binary": "base64Binary", "anyURI": "anyURI", "QName": "QName",
        }.items()
    },
    "integer": ("decimal", {"fraction": 0}),
    "nonPositiveInteger": _ranged("integer", None, 0),
    "negativeInteger": _ranged("nonPositiveInteger", None, -1),
    "nonNegativeInteger": _ranged("integer", 0, None),
    "positiveInteger": _ranged("nonNegativeInteger", 1, None),
    "long": _ranged("integer", -(2**63), 2**63 - 1),
    "int": _ranged("long", -(2**31), 2**31 - 1),
    "short": _ranged("int", -(2**15), 2**15 - 1),
    "byte": _ranged("short", -128, 127),
    "unsignedLong": _ranged("nonNegativeInteger", 0, 2**64 - 1),
    "unsignedInt": _ranged("unsignedLong", 0, 2**32 - 1),
    "unsignedShort": _ranged("unsignedInt", 0, 2**16 - 1),
    "unsignedByte": _ranged("unsignedShort", 0, 255),
}  # fmt: skip
LISTS = {"NMTOKENS": "NMTOKEN", "IDREFS": "IDREF"}
BUILT_IN = ("anyType", *_KINDS, *LISTS)


def built_in(name: str) -> tuple[str, dict[str, Any]] | None:
    """What a built-in type is derived from, "" for anyType, and its node; None where there is none."""
    if name in LISTS:
        return "anySimpleType", {"simple": True, "kind": "list", "white": "collapse", "least_length": 1}
    if name not in _KINDS:
        return None
    base, own = _KINDS[name]
    made = dict(own)
    above = base
    while above:
        above, more = _KINDS[above]
        made = {**more, **made}
    if name in ("integer", "nonPositiveInteger") or made.get("fraction") == 0:
        made["integer"] = True
    return base, {"simple": True, **made}


def narrowed(made: dict[str, Any], facets: list[Node]) -> tuple[str, ...]:
    """Puts the facets into the node; the patterns among them, one of which has to match, are returned.

    Raises Wrong.
    """
    patterns, values = [], []
    for one in facets:
        value = one.get("value")
        if one.name == "pattern":
            patterns.append(value)
        elif one.name == "enumeration":
            values.append(value)
        elif one.name == "whiteSpace":
            if value not in WHITE or WHITE.index(value) < WHITE.index(made["white"]):
                raise one.wrong(f"whiteSpace {value[:20]} is not possible here")
            made["white"] = value
        elif one.name in _COUNTS:
            _count(made, one, value.strip())
        else:
            _limit(made, one, value.strip())
    if values:
        if made["kind"] == "QName":
            raise facets[0].wrong("an enumeration of xs:QName is not understood")
        if len(values) > MOST_VALUES:
            raise facets[0].wrong(f"an enumeration has more than {MOST_VALUES:,} values")
        made["values"] = values
    return tuple(patterns)


def _count(made: dict[str, Any], facet: Node, value: str) -> None:
    if not value.isascii() or not value.isdigit() or len(value) > 10 or int(value) > MOST_LENGTH:
        raise facet.wrong(f"{facet.name} is a whole number from 0 on")
    is_digits = "Digits" in facet.name
    if made["kind"] not in ({"decimal"} if is_digits else MEASURED):
        raise facet.wrong(f"{facet.name} means nothing for this type")
    made[_COUNTS[facet.name]] = int(value)


def _limit(made: dict[str, Any], facet: Node, value: str) -> None:
    if made["kind"] not in ORDERED:
        raise facet.wrong(f"{facet.name} is not understood for this type")
    if not re.fullmatch(BOUNDS[made["kind"]], value) or value == "NaN":
        raise facet.wrong(f'{facet.name} "{value[:40]}" is no value of the type')
    name = _LIMITS[facet.name]
    made.pop({"above": "least", "below": "most", "least": "above", "most": "below"}[name], None)
    made[name] = value
