"""The parts of an API as forms, and the desired API that their values make together."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import QueryDict
from pydantic import BaseModel, Field

from apis.assets.models import Asset
from apis.desired import DesiredApi, NewAsset
from apis.documents.specification import Specification
from apis.forms import routes
from apis.models import ApiInstance, TlsContext
from apis.rules import listeners
from console.forms import schema_data, schema_form
from console.models import Environment
from console.numbers import number
from gateways import lookup
from gateways.models import Gateway

Values = dict[str, Any]
Errors = dict[str, list[str]]


class GatewayForm(BaseModel):
    gateway: str = Field("", title="Gateway")


class NewAssetForm(BaseModel):
    name: str = Field(
        "",
        title="Name",
        description="What people see, for example Orders.",
        examples=["Orders"],
        json_schema_extra={"needed": True},
    )
    type: Literal["http-api", "rest-api"] = Field(
        "http-api",
        title="Asset type",
        json_schema_extra={
            "labels": {"http-api": "HTTP API", "rest-api": "REST API"},
            "abouts": {
                "http-api": "No specification",
                "rest-api": "With an OpenAPI file, if you have one",
            },
        },
    )
    api_version: str = Field(
        "v1",
        title="API version",
        description="The version that consumers see.",
        json_schema_extra={"needed": True},
    )
    version: str = Field(
        "1.0.0",
        title="Asset version",
        description="The version of this asset.",
        json_schema_extra={"needed": True},
    )


class AssetForm(BaseModel):
    """`mode` "existing" names an asset's key; the OpenAPI document travels beside the fields."""

    mode: Literal["existing", "new"] = Field(
        "new",
        title="Where the API comes from",
        json_schema_extra={
            "labels": {"existing": "Select an asset", "new": "Create a new API"},
            "abouts": {
                "existing": "An API that exists already, deployed once more",
                "new": "It becomes an asset of its own when you save",
            },
        },
    )
    key: str = ""
    asset: NewAssetForm = NewAssetForm()


class DownstreamForm(BaseModel):
    protocol: Literal["http", "https"] = Field(
        "http",
        title="Protocol",
        json_schema_extra={
            "labels": {"http": "HTTP", "https": "HTTPS"},
            "abouts": {
                "http": "Plain, on the port below",
                "https": "Encrypted, with a certificate of yours",
            },
        },
    )
    port: int = Field(
        8081,
        title="Port",
        description="APIs of one gateway may share a port when their base paths differ.",
        ge=1,
        le=65535,
        json_schema_extra={"needed": True},
    )
    base_path: str = Field(
        "/",
        title="Base path",
        description="It is taken off before the request goes upstream.",
        json_schema_extra={"needed": True, "code": True},
    )
    tls_context: str = Field(
        "",
        title="TLS context",
        description="The certificate and key that it serves with. APIs of one port share their TLS context.",
        json_schema_extra={"needed": True, "when": {"protocol": ["https"]}},
    )
    label: str = Field(
        "",
        title="Instance label",
        description="Tells several instances of one API apart.",
        examples=["prod-eu"],
    )
    consumer_endpoint: str = Field(
        "",
        title="Consumer endpoint",
        description="The public address that consumers call, when it is not the gateway's own.",
        examples=["https://api.example.com/orders"],
        json_schema_extra={"advanced": True},
    )


class DetailsForm(BaseModel):
    label: str = Field("", title="Instance label", description="Tells several instances of one API apart.")
    consumer_endpoint: str = Field(
        "",
        title="Consumer endpoint",
        description="The public address that consumers call, when it is not the gateway's own.",
        examples=["https://api.example.com/orders"],
    )
    tags: list[str] = Field([], title="Tags")
    description: str = Field("", title="Description", json_schema_extra={"format": "multiline"})
    response_timeout_ms: int | None = Field(
        None,
        title="Response timeout",
        description="How long an upstream may take to begin its answer; then callers get 504. "
        "What has begun may flow on. Empty: what the gateway says, 15 seconds unless it is told otherwise.",
        json_schema_extra={"format": "duration-ms", "advanced": True},
    )


def file_field(about: str, errors: Iterable[str] = (), *, is_required: bool) -> schema_form.Field:
    """Where an OpenAPI document is uploaded."""
    return schema_form.Field(
        "file",
        "specification",
        "OpenAPI file",
        about,
        is_required=is_required,
        errors=tuple(errors),
        attributes={"accept": ".json,.yaml,.yml"},
    )


SCHEMAS: Mapping[str, Mapping[str, Any]] = {
    "gateway": GatewayForm.model_json_schema(),
    "api": AssetForm.model_json_schema(),
    "downstream": DownstreamForm.model_json_schema(),
    "upstream": routes.SCHEMA,
    "details": DetailsForm.model_json_schema(),
}


def read(part: str, data: QueryDict) -> Values:
    """The values of a part as they were posted."""
    values = schema_data.read(SCHEMAS[part], data, prefix="")
    added = data.get("rows", "").removeprefix("add:")
    return routes.shared_out(routes.tidied(values), added) if part == "upstream" else values


def fields(part: str, values: Values, errors: Errors) -> dict[str, schema_form.Field]:
    """The controls of a part, by key."""
    if part == "upstream":
        errors = routes.placed(errors, values)
    return {one.name: one for one in schema_form.fields(SCHEMAS[part], values, errors, prefix="")}


def desired(environment: Environment, values: Mapping[str, Values]) -> tuple[DesiredApi, Errors]:
    """What the parts say together, and what in them could not be read. A part not filled in yet is empty."""
    errors: Errors = {}
    downstream = values.get("downstream", {})
    contexts = {str(one.pk): one for one in environment.tls_contexts.all()}
    listed, unread = routes.desired_routes(values.get("upstream", {}), contexts)
    made = DesiredApi(
        asset=_asset(environment, values.get("api", {}), errors),
        gateway=_gateway(environment, values.get("gateway", {}), errors),
        protocol=downstream.get("protocol", "http"),
        port=_port(downstream, errors),
        base_path=listeners.with_slash(downstream.get("base_path", "")),
        tls_context=_tls_context(contexts, downstream, errors),
        label=downstream.get("label", ""),
        consumer_endpoint=downstream.get("consumer_endpoint", ""),
        routes=tuple(listed),
    )
    return made, errors | unread


def joined(found: Errors, unread: Errors) -> Errors:
    """What the rules found, with what could not be read in its place: that is the cause of the other."""
    sums = {f"{name.partition('.upstreams')[0]}.weights" for name in unread if name.endswith(".weight")}
    return {name: texts for name, texts in found.items() if name not in sums} | unread


def _gateway(environment: Environment, values: Values, errors: Errors) -> Gateway | None:
    try:
        return lookup.chosen(environment, values.get("gateway", ""))
    except ValidationError as error:
        errors |= error.message_dict
        return None


def _tls_context(contexts: routes.Contexts, values: Values, errors: Errors) -> TlsContext | None:
    """The chosen context; with HTTP none, whatever was chosen before."""
    key = values.get("tls_context", "")
    if values.get("protocol") != ApiInstance.Protocol.HTTPS or not key:
        return None
    if key not in contexts:
        errors["tls_context"] = [routes.NOT_HERE]
    return contexts.get(key)


def _asset(environment: Environment, values: Values, errors: Errors) -> Asset | NewAsset:
    if values.get("mode") == "existing":
        key = str(values.get("key", ""))
        found = assets(environment).filter(pk=number(key) or 0).first()
        if found is None:
            errors["asset"] = ["Choose an API from the list, or create a new one."]
        return found or NewAsset(name="")
    new = values.get("asset", {})
    is_rest = new.get("type") == Asset.Type.REST
    return NewAsset(
        name=new.get("name", ""),
        version=new.get("version", ""),
        api_version=new.get("api_version", ""),
        type=new.get("type", Asset.Type.HTTP),
        specification=document(environment, values.get("specification", "")) if is_rest else None,
    )


def document(environment: Environment, key: str) -> Specification | None:
    """The OpenAPI document of this id, if it is one of the environment's organization."""
    try:
        return environment.organization.specifications.filter(pk=UUID(key)).first() if key else None
    except ValueError:
        return None


def assets(environment: Environment) -> QuerySet[Asset]:
    """The assets that an API of this environment may be made of: its organization's and those above."""
    above = [UUID(part) for part in environment.organization.path.split("/") if part]
    return Asset.objects.filter(organization__in=above)


def _port(values: Values, errors: Errors) -> int:
    port = values.get("port")
    if isinstance(port, int):
        return port
    errors["port"] = [
        f'"{port}" is not a port; write a number from 1 to 65535.'
        if port
        else "Write a port from 1 to 65535."
    ]
    return 0
