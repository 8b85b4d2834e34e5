"""Tokens, and a gateway with one API behind JWT Validation that takes them."""

import time
from typing import Any

import httpx
import jwt
import yaml

from tests.policies.issuer import RSA, Issuer, bare
from tests.traffic.gateway import Gateway


def apply(gateway: Gateway, config: dict[str, Any], *more: dict[str, Any], port: str = "${port}") -> None:
    ack = gateway.apply(document(config, *more, port=port))
    assert not [one.reason for one in ack.resources if one.reason]


def document(config: dict[str, Any], *more: dict[str, Any], port: str = "${port}") -> str:
    policies = [{"policyRef": {"name": "jwt-validation-flex"}, "config": config}, *more]
    spec = {
        "address": f"http://127.0.0.1:{port}/jwt",
        "services": {"upstream": {"address": "${upstream}"}},
        "policies": policies,
    }
    version = "gateway.mulesoft.com/v1alpha1"
    return yaml.safe_dump(
        {"apiVersion": version, "kind": "ApiInstance", "metadata": {"name": "jwt"}, "spec": spec}
    )


def token(
    key: Any = RSA, algorithm: str = "RS256", headers: dict[str, Any] | None = None, **claims: Any
) -> str:
    whole = {"sub": "ada", "exp": time.time() // 1 + 86_400, **claims}
    return jwt.encode(
        {name: value for name, value in whole.items() if value is not None}, key, algorithm, headers=headers
    )


def ask(gateway: Gateway, text: str | None, **headers: str) -> httpx.Response:
    bearer = {"authorization": f"Bearer {text}"} if text is not None else {}
    return gateway.get("/jwt/x", headers={**bearer, **headers})


TEXT = {"signingMethod": "rsa", "textKey": bare(RSA), "skipClientIdValidation": True}


def remote(issuer: Issuer, **more: Any) -> dict[str, Any]:
    return {"jwtKeyOrigin": "jwks", "jwksUrl": issuer.url, "skipClientIdValidation": True, **more}
