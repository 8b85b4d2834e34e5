"""The bodies of schemas.yaml through a real Envoy, each schema being an API of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.policies.rehearsed import Rehearsal, Request, Verdict, api

pytestmark = pytest.mark.envoy
SCHEMAS: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("schemas.yaml").read_text())
WSDL = """<definitions targetNamespace="urn:t" xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:t="urn:t"
  xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xs="http://www.w3.org/2001/XMLSchema">
<types><xs:schema targetNamespace="urn:t" elementFormDefault="qualified">{}</xs:schema></types>
<message name="In"><part name="body" element="t:t"/></message>
<portType name="P"><operation name="Do"><input message="t:In"/></operation></portType>
<binding name="B" type="t:P"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
<operation name="Do"><soap:operation soapAction=""/><input><soap:body use="literal"/></input></operation></binding>
</definitions>"""
ENVELOPE = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:t" xmlns:o="urn:o"
 xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:t="urn:t" xmlns:xs="http://www.w3.org/2001/XMLSchema">
 <s:Body>{}</s:Body></s:Envelope>"""


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Rehearsal]:
    given = [{"wsdl": WSDL.format(one["schema"])} for one in SCHEMAS.values()]
    apis = [api(f"s{at}", [("soap-validation", config)]) for at, config in enumerate(given)]
    with Rehearsal(apis) as made:
        assert made.absent == ()
        yield made


def ask(rehearsal: Rehearsal, name: str, body: str) -> Verdict:
    headers = (("content-type", "text/xml; charset=utf-8"),)
    target = f"/s{list(SCHEMAS).index(name)}"
    return rehearsal.ask(Request(method="POST", target=target, headers=headers, body=ENVELOPE.format(body)))


def reason(verdict: Verdict) -> str:
    return next((one.reason for one in verdict.policies if one.decision == "refused"), verdict.outcome)


def bodies(found: list[Any]) -> Iterator[str]:
    for one in found:
        yield one if isinstance(one, str) else one["before"] + one["unit"] * one["times"] + one["after"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_fits_passes(rehearsal: Rehearsal, name: str) -> None:
    found = {body[:200]: reason(ask(rehearsal, name, body)) for body in bodies(SCHEMAS[name]["fits"])}

    assert set(found.values()) == {"upstream"}, found


@pytest.mark.parametrize("name", SCHEMAS)
def test_what_does_not_fit_is_refused(rehearsal: Rehearsal, name: str) -> None:
    """By the schema, that is, and not for something else."""
    found = {body[:200]: reason(ask(rehearsal, name, body)) for body in bodies(SCHEMAS[name]["does_not"])}

    assert {body: words for body, words in found.items() if not words.startswith("schema: ")} == {}
