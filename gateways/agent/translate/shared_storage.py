"""`sharedStorage` of a Configuration: Flex Gateway's fields, of which those that cannot act are refused."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from gateways.agent.translate.tls import Certificate, is_pem
from gateways.protocol import shared_storage as protocol
from gateways.protocol.resources import Model

Text = Annotated[str, Field(max_length=1000)]


def _checked_address(text: str) -> str:
    protocol.host_and_port(text)
    return text


class RedisTls(Model):
    trusted_ca: Annotated[str, AfterValidator(is_pem)] = Field("", alias="trustedCA")
    certificate: Certificate | None = None
    skip_validation: bool = False
    minversion: Literal["1.2"] = "1.2"
    maxversion: Literal["1.3"] = "1.3"

    def to_protocol(self) -> protocol.Tls:
        own = self.certificate
        return protocol.Tls(
            self.trusted_ca, own.crt if own else "", own.key if own else "", self.skip_validation
        )


class Redis(Model):
    address: Annotated[str, AfterValidator(_checked_address)]
    username: Text = ""
    password: Text = Field("", repr=False)
    db: int = Field(0, ge=0, le=protocol.MOST_DATABASE)
    tls: RedisTls | None = None
    sealing_key: Annotated[str, AfterValidator(protocol.checked_sealing_key)] = Field("", repr=False)
    """Ours: what replicas seal the answers with that they share."""

    @model_validator(mode="before")
    @classmethod
    def _spelled_as_in_examples(cls, given: Any) -> Any:
        if isinstance(given, dict) and "DB" in given and "db" not in given:
            return {"db" if name == "DB" else name: value for name, value in given.items()}
        return given


class SharedStorage(Model):
    redis: Redis | None = None
    local: dict[str, Any] | None = None
    object_store: dict[str, Any] | None = None

    @field_validator("object_store")
    @classmethod
    def _is_none(cls, value: dict[str, Any] | None) -> None:
        if value is not None:
            raise ValueError("is not supported; replicas share a Redis or Valkey server: redis")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.redis is None) == (self.local is None):
            raise ValueError("give redis, or local where each replica counts for itself")
        return self

    def to_ir(self) -> dict[str, Any]:
        one = self.redis
        if one is None:
            return {"shared_storage": None}
        host, port = protocol.host_and_port(one.address)
        tls = one.tls.to_protocol() if one.tls else None
        key = one.sealing_key.encode()
        stored = protocol.SharedStorage(host, port, one.username, one.password, one.db, tls, key)
        return {"shared_storage": stored}
