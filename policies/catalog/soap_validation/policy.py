"""SOAP Schema Validation: messages that the service's WSDL does not describe never reach the upstream."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationInfo, model_validator

from policies import apart
from policies.apart import is_unread
from policies.catalog.soap_validation.document import MOST_BYTES, Wrong, decoded, read
from policies.catalog.soap_validation.linked import MissingDocuments, linked, refers
from policies.catalog.soap_validation.wsdl import Described, described, described_with
from policies.compiled import Compiled, Scope
from policies.documents.document import BadDocument, Document, DocumentKind
from policies.expression.lua import Value
from policies.fields.urls import Url
from policies.patterns.pattern import LUA
from policies.policy import Category, Phase, Policy, PolicyConfig, fault
from policies.scripting.script import BODY, JSON, XML, script
from policies.traits import Advice

NAME = "soap-validation"
FILES = [
    BODY,
    JSON,
    LUA,
    XML,
    *(
        Path(__file__).with_name(f"{name}.lua")
        for name in ("lexical", "value", "validate", "characters", "names", "message", "policy")
    ),
]
TTL_SECONDS = 3600
MOST_REMARKS = 10

Name = Annotated[str, Field(max_length=255)]


class Encoding(StrEnum):
    UTF_8 = "UTF-8"
    ISO_8859_1 = "ISO-8859-1"
    US_ASCII = "US-ASCII"


def _text(content: bytes) -> str:
    """One that stands alone is read as a whole, so that a sound one is never replaced. Raises BadDocument."""
    try:
        text = decoded(content)
        if not refers(read(text)):
            described(text)
    except Wrong as error:
        raise BadDocument(str(error)) from None
    return text


def _other(content: bytes) -> str:
    """Raises BadDocument."""
    try:
        text = decoded(content)
        read(text)
    except Wrong as error:
        raise BadDocument(str(error)) from None
    return text


WSDL, OTHER = DocumentKind("wsdl", _text), DocumentKind("wsdl-part", _other)


class Config(PolicyConfig):
    wsdl_url: Url | None = Field(
        None,
        title="WSDL's URL",
        description="Of the service's WSDL 1.1 document; what it imports of its server is fetched, too.",
        examples=["https://orders.example.com/orders?wsdl"],
    )
    wsdl: Annotated[str, Field(max_length=MOST_BYTES)] = Field(
        "",
        title="WSDL",
        description="The document itself, if it is not fetched: 1 MB at most.",
        json_schema_extra={"format": "multiline", "code": True},
    )
    encoding: Encoding = Field(
        Encoding.UTF_8,
        title="Encoding of messages",
        description="A message that says that it is in another one is refused.",
        json_schema_extra={"advanced": True},
    )
    service_name: Name = Field(
        "",
        title="Service",
        description="Its name in the WSDL. Empty: every service of the document.",
    )
    service_port: Name = Field(
        "",
        title="Port",
        description="Its name in the WSDL. Empty: every port for SOAP.",
    )

    @model_validator(mode="after")
    def _is_readable(self, info: ValidationInfo) -> Self:
        if bool(self.wsdl_url) == bool(self.wsdl.strip()):
            raise fault("wsdlUrl", "write the URL of the WSDL, or the WSDL itself; one of the two")
        if self.wsdl.strip() and not is_unread(info):
            try:
                self.described(self.wsdl)
            except Wrong as error:
                raise fault(error.field or "wsdl", str(error)) from None
        return self

    def described(self, text: str) -> Described:
        """Raises Wrong."""
        return described(text, self.service_name, self.service_port)


def compile(config: Config, scope: Scope) -> Compiled:
    settings: dict[str, Value] = {"encoding": config.encoding.lower()}
    try:
        found = _described(config, scope)
    except (MissingDocuments, Wrong) as error:
        settings["missing"] = str(error)
        return Compiled((script(scope, NAME, FILES, settings),))
    # A file, since every route of the API would repeat it otherwise.
    table = scope.secret(found.table)
    settings["file"] = str(table.path)
    return Compiled((script(scope, NAME, FILES, settings),), secrets=(table,))


def _described(config: Config, scope: Scope) -> Described:
    """Raises Wrong and MissingDocuments."""
    if not config.wsdl_url:
        return config.described(config.wsdl)
    main = Document(config.wsdl_url, WSDL, TTL_SECONDS)
    text = scope.documents.get(main)
    if text is None:
        raise MissingDocuments([main.url])

    def other(url: str) -> str | None:
        return scope.documents.get(Document(url, OTHER, TTL_SECONDS))

    others = tuple(linked(text, main.url, other).texts.items())
    return described_with(text, main.url, others, config.service_name, config.service_port)


def advice(config: Config) -> Iterable[Advice]:
    if config.wsdl_url:
        if config.wsdl_url.startswith("http:"):
            yield Advice("wsdlUrl", "is fetched without TLS: who stands between can let anything pass")
        return
    for remark in config.described(config.wsdl).remarks[:MOST_REMARKS]:
        yield Advice("wsdl", remark)


POLICY = Policy(
    name=NAME,
    title="SOAP Schema Validation",
    category=Category.SECURITY,
    phase=Phase.PROTECT,
    summary="Refuses SOAP messages that the WSDL of the service does not describe, with a SOAP fault.",
    version="1.10.0",
    config=Config,
    compile=compile,
    aliases=("soap-validation-flex",),
    advice=advice,
    reads_apart={"wsdl": apart.document},
    refuses=True,
    icon="file-code",
)
