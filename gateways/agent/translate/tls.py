"""The configuration of `tls` and `tls-outbound` bindings, with certificates that fit their keys."""

from typing import Literal, Self

from cryptography import x509
from pydantic import Field, field_validator, model_validator

from gateways.agent.translate import ir
from gateways.protocol.faults import did_you_mean
from gateways.protocol.resources import Model
from gateways.protocol.tls import ALPN, CIPHERS, TLS_1_3_CIPHERS, mismatch, unusable

INBOUND = ("tls", "tls-inbound")
OUTBOUND = ("tls-outbound",)

Version = Literal["1.0", "1.1", "1.2", "1.3"]


class Certificate(Model):
    key: str
    crt: str

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if found := mismatch(self.crt, self.key):
            raise ValueError(" ".join(found))
        return self


def is_pem(value: str) -> str:
    """The certificates themselves. Raises ValueError."""
    try:
        _ = value and x509.load_pem_x509_certificates(value.encode())
    except ValueError:
        raise ValueError("is not a PEM certificate, or several one after the other") from None
    return value


class TlsConfig(Model):
    trusted_ca: str = Field("", alias="trustedCA")
    certificate: Certificate | None = None
    alpn: tuple[str, ...] = ()
    minversion: Version = "1.2"
    maxversion: Version | None = None
    ciphers: tuple[str, ...] = ()

    @field_validator("trusted_ca")
    @classmethod
    def _is_pem(cls, value: str) -> str:
        return is_pem(value)

    @field_validator("alpn")
    @classmethod
    def _are_spoken(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := next((name for name in value if name not in ALPN), None):
            raise ValueError(f'"{unknown[:40]}" is not a protocol of the gateway; use {" and ".join(ALPN)}')
        return value

    @field_validator("ciphers")
    @classmethod
    def _are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := next((cipher for cipher in value if cipher not in CIPHERS), None):
            raise ValueError(f'"{unknown}" is not a cipher suite{did_you_mean(unknown, CIPHERS)}')
        return value

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.maxversion is not None and self.maxversion < self.minversion:
            raise ValueError(f"maxversion {self.maxversion} is below minversion {self.minversion}")
        return self

    @property
    def older_ciphers(self) -> tuple[str, ...]:
        """Those of TLS 1.3 are fixed and may not be listed."""
        return tuple(cipher for cipher in self.ciphers if cipher not in TLS_1_3_CIPHERS)


class InboundConfig(TlsConfig):
    require_client_certificate: bool = False

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.certificate is None:
            raise ValueError("certificate is missing; give its key and crt as PEM")
        if self.require_client_certificate and not self.trusted_ca:
            raise ValueError("requireClientCertificate needs trustedCA")
        maximum = self.maxversion or ir.InboundTls.max_version
        if reason := unusable(self.certificate.key, self.ciphers, maximum):
            raise ValueError(reason)
        return self

    def to_ir(self) -> ir.InboundTls:
        assert self.certificate is not None
        return ir.InboundTls(
            certificate=self.certificate.crt,
            key=self.certificate.key,
            trusted_ca=self.trusted_ca,
            requires_client_certificate=self.require_client_certificate,
            alpn=self.alpn or ir.InboundTls.alpn,
            min_version=self.minversion,
            max_version=self.maxversion or ir.InboundTls.max_version,
            ciphers=self.older_ciphers,
        )


class OutboundConfig(TlsConfig):
    skip_validation: bool = False

    @model_validator(mode="after")
    def _is_trusted(self) -> Self:
        if not self.trusted_ca and not self.skip_validation:
            raise ValueError("trustedCA is missing; give it as PEM, or set skipValidation: true")
        return self

    def to_ir(self) -> ir.OutboundTls:
        return ir.OutboundTls(
            skips_validation=self.skip_validation,
            trusted_ca=self.trusted_ca,
            certificate=self.certificate.crt if self.certificate else "",
            key=self.certificate.key if self.certificate else "",
            alpn=self.alpn,
            min_version=self.minversion,
            max_version=self.maxversion or ir.OutboundTls.max_version,
            ciphers=self.older_ciphers,
        )
