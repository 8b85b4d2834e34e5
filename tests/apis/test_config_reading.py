"""Configurations with documents or patterns are read in a process of their own, within limits."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import pydantic
import pytest
from django.core.cache import cache
from django.core.exceptions import ValidationError

from apis import bounded
from apis.changes import policies
from apis.lint.findings import findings
from apis.models import PolicyBinding
from apis.rules import config_messages, policy_advice, policy_config
from apis.rules.config_reading import limits, reading
from apis.rules.config_reading.reading import ROOM
from console.models import Environment, Organization, User
from policies import advice, apart, catalog
from policies.catalog.soap_validation import wsdl
from policies.catalog.spec_validation import operations
from policies.graphql import sdl
from tests.factories import make_actor, make_api, make_environment, make_gateway, make_organization
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db

SOAP = """<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:x="http://www.w3.org/2001/XMLSchema"
 xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:t="u" targetNamespace="u"><types>
<x:schema targetNamespace="u">{}</x:schema></types><message name="m"><part name="p" element="t:a"/></message>
<portType name="q"><operation name="o"><input message="t:m"/></operation></portType>
<binding name="b" type="t:q"><s:binding
 transport="http://schemas.xmlsoap.org/soap/http"/><operation name="o"><input><s:body use="literal"/>
</input></operation></binding><service name="s"><port name="p" binding="t:b"><s:address location="http://h"/>
</port></service></definitions>"""
ELEMENT = '<x:element name="a" type="x:string"/>'
STATES = """<x:element name="a"><x:complexType><x:sequence minOccurs="0" maxOccurs="30">
<x:sequence minOccurs="0" maxOccurs="30"><x:element name="b" type="x:string" minOccurs="0"/></x:sequence>
</x:sequence></x:complexType>
</x:element>"""
PATTERN = """<x:element name="a"><x:simpleType><x:restriction base="x:string">
<x:pattern value="(a{0,30}b{0,30}){0,30}"/>
</x:restriction></x:simpleType></x:element>"""
POST = "openapi: 3.0.0\ninfo: {title: a, version: '1'}\npaths: {/a: {post: {requestBody: {content: {%s}}}}}\n"
JSON = "application/json: {schema: %s}"
LAUGHS = "x-a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"x-{after}: &{after} [{','.join(['*' + before] * 10)}]\n"
    for before, after in zip("abcdefg", "bcdefgh", strict=True)
)
FIELDS = " ".join(f"a{at}: Int" for at in range(1000))

SOUND: dict[str, tuple[str, dict[str, Any]]] = {
    "WSDL": ("soap-validation", {"wsdl": SOAP.format(ELEMENT)}),
    "OpenAPI": ("spec-validation", {"spec": POST % (JSON % "{type: string}")}),
    "GraphQL": ("schema-validation", {"schema": f"type Query {{ {FIELDS} }}"}),
    "costs": ("static-query-complexity", {"maximumComplexity": 9, "schema": f"type Query {{ {FIELDS} }}"}),
    "user agents": ("user-agent-filter", {"denied": [rf"([\p{{L}}]{{50}}){at}" for at in range(9)]}),
    "header names": ("header-removal", {"inboundHeaders": ["x-[a-f]{9}"]}),
    "attacks": ("injection-protection", {"customProtections": [{"name": "a", "regex": "a{1000}"}]}),
}
HOSTILE: dict[str, tuple[str, dict[str, Any]]] = {
    "states": ("soap-validation", {"wsdl": SOAP.format(STATES)}),
    "pattern of a type": ("soap-validation", {"wsdl": SOAP.format(PATTERN)}),
    "no XML": ("soap-validation", {"wsdl": "<a" * 1000}),
    "a long one": ("soap-validation", {"wsdl": "<a>" * 400_000}),
    "aliases": ("spec-validation", {"spec": POST % (JSON % "{type: string}") + LAUGHS}),
    "automaton": ("spec-validation", {"spec": POST % (JSON % "{type: string, pattern: '(a|b)*a(a|b){12}'}")}),
    "no field": ("spec-validation", {"spec": "openapi: 3.0.0", "specs": 1, "source": "away"}),
    "deep": ("schema-validation", {"schema": "type Query { a(b: [Int] = " + "[" * 5000}),
    "not even a name": ("static-query-complexity", {"schema": "type " * 2000, "maximumComplexity": "much"}),
    "repeated": ("user-agent-filter", {"denied": ["((((a{9}){9}){9}){9})"] * 100}),
    "too many": ("user-agent-filter", {"denied": ["a{9}"] * 101}),
    "all headers": ("header-removal", {"inboundHeaders": [".{0,99}"]}),
    "half": ("injection-protection", {"customProtections": [{"name": "a", "regex": "(a{2}"}]}),
    "not in the open": ("injection-protection", {"customProtections": [{"name": 1, "regex": "a{0,1}"}]}),
}


@pytest.fixture(autouse=True)
def forgotten() -> None:
    cache.clear()


@pytest.fixture
def actor() -> User:
    return make_actor()


@pytest.fixture
def environment() -> Environment:
    return make_environment()


def parsed() -> tuple[int, ...]:
    """How many documents this process has read itself."""
    return tuple(one.cache_info().misses for one in (wsdl.described_with, operations.described, sdl.read))


@pytest.mark.parametrize(("name", "config"), SOUND.values(), ids=SOUND.keys())
def test_a_sound_one_is_read_elsewhere_and_told_the_same_advice(
    environment: Environment, name: str, config: dict[str, Any]
) -> None:
    policy, before = catalog.find(name), parsed()

    public, _ = policy_config.checked(policy, config, environment)
    found = reading.read(policy, config, lambda: environment.organization.root_id)
    told = found.advice()

    assert parsed() == before
    assert public == config
    model = policy.config.model_validate(config)
    assert found.model == model
    assert told == advice.advice(policy, model)


@pytest.mark.parametrize(("name", "config"), HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_wrong_is_told_in_the_same_words_at_the_same_fields(
    environment: Environment, name: str, config: dict[str, Any]
) -> None:
    policy, before = catalog.find(name), parsed()

    with pytest.raises(ValidationError) as refused:
        policy_config.checked(policy, config, environment)

    assert parsed() == before
    with pytest.raises(pydantic.ValidationError) as here:
        policy.config.model_validate(config)
    assert refused.value.message_dict == config_messages.messages(policy, here.value)


def test_every_policy_of_the_catalog_is_found_alone() -> None:
    for policy in catalog.policies():
        assert catalog.alone(policy.name) is policy
        assert policy.reads_apart.keys() <= {one.alias for one in policy.config.model_fields.values()}


def test_the_console_makes_models_of_configurations_in_one_place() -> None:
    folder = bounded.PROJECT / "apis"
    found = {
        str(path.relative_to(folder).parent)
        for path in folder.rglob("*.py")
        if re.search(r"\.config(?:\.model_validate|\.model_construct|\()", path.read_text())
    }

    assert found == {"rules/config_reading"}


def test_what_costs_little_is_read_where_it_stands() -> None:
    assert not apart.field(catalog.find("schema-validation"), {"schema": "type Query { a: Int }"})
    assert not apart.field(catalog.find("user-agent-filter"), {"denied": ["curl", "bot|spider"]})
    assert not apart.field(catalog.find("rate-limiting"), {"keySelector": "#[attributes.method]" * 9000})
    assert apart.field(catalog.find("schema-validation"), {"schema_": "a" * 5000}) == "schema"
    assert apart.field(catalog.find("user-agent-filter"), {"allowed": ["a" * 400] * 6}) == "allowed"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("while True: pass", "takes longer than"),
        ("import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass", "computing"),
        ("raise MemoryError", "the memory"),
        ("raise ValueError('secret')", "no fault of yours"),
    ],
)
def test_one_that_takes_too_much_is_ended_and_told_so(
    program: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    wall_seconds = 0.2 if "longer" in words else 30

    told = reading.answer(b"", "wsdl", uuid4, child=("-c", program), wall_seconds=wall_seconds)

    (fault,) = told["faults"]
    assert fault["loc"] == ("wsdl",)
    assert words in fault["msg"]
    assert ("which is a bug" in caplog.text) == ("yours" in words)
    assert "secret" not in caplog.text


@pytest.fixture
def below() -> Iterator[list[Organization]]:
    """Four organizations of one tenant, of which two have each a document read right now."""
    tenant = make_organization()
    found = [make_organization(parent=tenant) for _ in range(4)]
    with ExitStack() as stack:
        for one in found[: limits.MOST_OF_TENANT]:
            stack.enter_context(ROOM.place(one.root_id))
        yield found


def test_organizations_of_one_tenant_share_its_turns(actor: User, below: list[Organization]) -> None:
    apis = [make_api(make_gateway(make_environment(one))) for one in (*below, make_organization())]
    config = SOUND["WSDL"][1]

    for api in apis[:4]:
        with pytest.raises(ValidationError) as refused:
            policies.apply_policy(actor, api, "soap-validation", config)
        assert refused.value.message_dict == {"config.wsdl": [f"{reading.OF_TENANT}."]}

    assert not PolicyBinding.objects.exists()
    assert policies.apply_policy(actor, apis[4], "soap-validation", config).pk
    assert reading.OF_TENANT.startswith("2 documents of your organization")


def test_threads_are_left_for_pages_however_many_tenants_send(actor: User) -> None:
    api = make_api()
    with ThreadPoolExecutor() as threads, ExitStack() as stack:
        for _ in range(limits.MOST_READ):
            stack.enter_context(ROOM.place(uuid4()))
        for _ in range(limits.MOST_WAITING):
            threads.submit(_enter_and_leave)
        wait_until(lambda: ROOM.count == limits.MOST_READ + limits.MOST_WAITING)

        with pytest.raises(ValidationError, match="Other documents are being read"):
            policies.apply_policy(actor, api, "soap-validation", SOUND["WSDL"][1])


def _enter_and_leave() -> None:
    with ROOM.place(uuid4()):
        pass


def test_what_was_found_is_remembered_and_says_nothing_to_who_reads_the_cache(actor: User) -> None:
    api = make_api()
    config = {"wsdl": SOAP.format(ELEMENT)}
    binding = policies.apply_policy(actor, api, "soap-validation", config)
    before = parsed()

    with ExitStack() as stack:
        for _ in range(limits.MOST_OF_TENANT):
            stack.enter_context(ROOM.place(api.environment.organization.root_id))
        policies.edit_policy(actor, PolicyBinding.objects.get(pk=binding.pk), config, label="new")
        assert policy_advice.of_binding(api, binding) == {}
        assert not [one for one in findings(api).told if one.code == "policy-not-valid"]

    assert parsed() == before


def test_findings_tell_the_advice_of_what_is_read_elsewhere(actor: User) -> None:
    api = make_api()
    half = json.dumps(
        {"openapi": "3.0.3", "paths": {"/p": {"post": {"requestBody": {"content": {"text/csv": {}}}}}}}
    )
    policies.apply_policy(actor, api, "spec-validation", {"spec": half})
    before = parsed()

    told = [one for one in findings(api).told if one.code == "policy-setting"]

    assert parsed() == before
    assert ["text/csv" in one.text for one in told] == [True]


def test_one_that_is_no_longer_sound_is_found(actor: User) -> None:
    api = make_api()
    binding = policies.apply_policy(actor, api, "soap-validation", {"wsdl": SOAP.format(ELEMENT)})
    PolicyBinding.objects.filter(pk=binding.pk).update(config={"wsdl": SOAP.format(STATES)})

    assert "policy-not-valid" in {one.code for one in findings(api).told}
