"""What External Authorization is told."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from policies.fields import urls
from policies.fields.headers import OwnHeaderName, RequestHeaderName, checked_value
from policies.policy import PolicyConfig, at_most, fault

MOST_HEADERS = 50
MOST_BYTES = 65_536
"""Of a server's answer."""
HTTP_ALONE: dict[str, Any] = {"when": {"serverType": ["http"]}, "advanced": True}
SCHEMES = {"grpc": ("h2", "https"), "http": ("http", "https")}


Names = Annotated[tuple[OwnHeaderName, ...], at_most(MOST_HEADERS, "headers")]


class AddedHeader(PolicyConfig):
    key: RequestHeaderName = Field(title="Name")
    value: Annotated[str, AfterValidator(checked_value)] = Field(title="Value")


class Config(PolicyConfig):
    uri: str = Field(
        title="Server",
        description="Who is asked: h2://host:port for gRPC, https://host:port for gRPC over TLS,"
        " http:// or https:// for HTTP.",
        json_schema_extra={"examples": ["h2://authorizer.internal:9001"]},
    )
    server_type: Literal["grpc", "http"] = Field(
        "grpc",
        title="It speaks",
        description="gRPC as envoy.service.auth.v3, or HTTP, where 200 allows.",
        json_schema_extra={"labels": {"grpc": "gRPC", "http": "HTTP"}},
    )
    server_version: Literal["v3"] = Field(
        "v3",
        title="Version of its interface",
        description="envoy.service.auth.v3, which every Envoy of today speaks.",
        json_schema_extra={"when": {"serverType": ["grpc"]}, "advanced": True},
    )
    request_timeout: int = Field(
        5000,
        ge=1,
        le=600_000,
        title="Longest wait",
        description="A request whose answer does not come in this time is refused.",
        json_schema_extra={"format": "duration-ms"},
    )
    include_peer_certificate: bool = Field(
        False,
        title="Send the caller's certificate",
        description="The client certificate of the caller's connection, as PEM, where there is one.",
        json_schema_extra={"when": {"serverType": ["grpc"]}, "advanced": True},
    )
    allowed_headers: Names = Field(
        (),
        title="Headers that the server sees",
        description="Empty: all of them over gRPC; over HTTP Host, method, path and Authorization alone.",
    )
    remembered_seconds: int = Field(
        0,
        ge=0,
        le=3600,
        title="An answer is remembered for",
        description="So long the server is not asked again about a request with the same method, host, path,"
        " query and headers that it sees; over gRPC these must be named, and the caller's address counts."
        " 0: it is asked at each request.",
        json_schema_extra={"format": "duration-s", "advanced": True},
    )
    path_prefix: str = Field(
        "",
        max_length=255,
        title="Path before the request's own",
        description="The server is asked under this path, followed by the request's path: /check",
        json_schema_extra=HTTP_ALONE,
    )
    service_request_headers_to_add: Annotated[tuple[AddedHeader, ...], at_most(MOST_HEADERS, "headers")] = (
        Field(
            (),
            title="Headers added to the question",
            description="Told to the server with each request.",
            json_schema_extra={"row": "header", **HTTP_ALONE},
        )
    )
    service_response_upstream_headers: Names = Field(
        (),
        title="Headers of its answer for the upstream",
        description="Where the server allows the request; they replace the request's own.",
        json_schema_extra=HTTP_ALONE,
    )
    service_response_upstream_headers_to_append: Names = Field(
        (),
        title="Headers of its answer appended for the upstream",
        description="The same, behind the request's own; nothing where it has none.",
        json_schema_extra=HTTP_ALONE,
    )
    service_response_client_headers: Names = Field(
        (),
        title="Headers of its answer for a refused caller",
        description="Empty: all but Host, method, path, status and lengths.",
        json_schema_extra=HTTP_ALONE,
    )
    service_response_client_headers_on_success: Names = Field(
        (),
        title="Headers of its answer for an allowed caller",
        description="Added to what the upstream answers.",
        json_schema_extra=HTTP_ALONE,
    )

    @model_validator(mode="before")
    @classmethod
    def _by_its_other_name(cls, given: Any) -> Any:
        """Anypoint's forms call the version serverApiVersion."""
        if isinstance(given, dict) and "serverApiVersion" in given and "serverVersion" not in given:
            return {"serverVersion" if key == "serverApiVersion" else key: it for key, it in given.items()}
        return given

    @field_validator("server_version", mode="before")
    @classmethod
    def _is_spoken(cls, version: Any) -> Any:
        if version == "v2":
            raise PydanticCustomError(
                "version", "v2 is spoken by no Envoy of today; the server must offer v3"
            )
        return version

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        scheme = self.uri.partition("://")[0]
        if scheme not in SCHEMES[self.server_type]:
            wanted = " or ".join(f"{one}://host:port" for one in SCHEMES[self.server_type])
            raise fault("uri", f'"{self.uri[:80]}" is not the address of such a server; write {wanted}')
        try:
            at = urls.split(self.url)
        except PydanticCustomError as error:
            raise fault("uri", error.message()) from None
        if at.query or (self.server_type == "grpc" and at.path not in ("", "/")):
            raise fault("uri", "write scheme, host and port alone")
        if self.path_prefix and (not self.path_prefix.startswith("/") or not self.path_prefix.isprintable()):
            raise fault("pathPrefix", "a path begins with /")
        if self.server_type == "grpc" and self.remembered_seconds and not self.allowed_headers:
            raise fault(
                "allowedHeaders",
                "name the headers by which the server decides; one that sees all of them is hardly asked the"
                " same twice, and its answers cannot be remembered",
            )
        return self

    @property
    def url(self) -> str:
        """As a URL of HTTP."""
        return self.uri.replace("h2://", "http://", 1) if self.uri.startswith("h2://") else self.uri
