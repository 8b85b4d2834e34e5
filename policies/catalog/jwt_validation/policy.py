"""JWT Validation: lets requests pass whose token is signed by a known key and says what it must."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from policies.catalog.jwt_validation import keys
from policies.catalog.jwt_validation.config import Config, CustomClaim, listed
from policies.envoy.cluster import cluster
from policies.expression import lua
from policies.policy import (
    TYPE_URL,
    Advice,
    Category,
    Cluster,
    Compiled,
    Filter,
    Phase,
    Policy,
    Scope,
    Script,
    Secret,
)
from policies.scripting.script import script

NAME = "jwt-validation"
CARRIER = "x-gatewright-jwt"
"""Where an expression's token stands for Envoy's filter; what callers send there is overwritten."""
ALGORITHMS = {"rsa": ("RS", "PS"), "hmac": ("HS",), "es": ("ES",), "eddsa": ("EdDSA",)}


def compile(config: Config, scope: Scope) -> Compiled:
    clusters: tuple[Cluster, ...] = ()
    secrets: tuple[Secret, ...] = ()
    if config.jwt_key_origin == "text":
        source, secrets = _written(config, scope)
        sources = [source]
    else:
        milliseconds = config.jwks_service_connection_timeout
        asked = {url: cluster(scope, url, connect_ms=milliseconds) for url in listed(config.jwks_url)}
        sources = [{"remote_jwks": _remote(config, url, one.name)} for url, one in asked.items()]
        clusters = tuple(asked.values())
    claims = Path(__file__).with_name("claims.lua")
    check = Path(__file__).with_name("policy.lua")
    tell = Path(__file__).with_name("tell.lua")
    settings = _settings(config, scope, len(sources))
    told = {one: settings[one] for one in ("claims", "token", "client_id")}
    filters: tuple[Filter | Script, ...] = (
        Filter(f"{scope.binding}/signature", _jwt_authn(config, scope, sources)),
        script(scope, NAME, [claims, check], settings, evaluates=True),
        script(scope, NAME, [claims, tell], told, evaluates=True, gives="authentication"),
    )
    if config.jwt_origin == "customExpression":
        carry = Path(__file__).with_name("carry.lua")
        carried: dict[str, lua.Value] = {"token": config.jwt_expression.lua, "carrier": CARRIER}
        filters = (script(scope, NAME, [carry], carried, evaluates=True), *filters)
    return Compiled(filters, clusters=clusters, secrets=secrets)


def _written(config: Config, scope: Scope) -> tuple[dict[str, Any], tuple[Secret, ...]]:
    """The key set of the key that stands in the configuration: an HMAC secret in a file of its own."""
    text = config.text_key.get_secret_value() if config.text_key else ""
    made = keys.jwks(text, config.signing_method, config.signing_key_length)
    if config.signing_method != "hmac":
        return {"local_jwks": {"inline_string": made}}, ()
    secret = scope.secret(made)
    return {"local_jwks": {"filename": str(secret.path)}}, (secret,)


def _remote(config: Config, url: str, cluster_name: str) -> dict[str, Any]:
    """Looked at again in the background; until that succeeds, the keys that are known hold on."""
    timeout = f"{config.jwks_service_connection_timeout / 1000:g}s"
    return {
        "http_uri": {"uri": url, "cluster": cluster_name, "timeout": timeout},
        "cache_duration": f"{config.jwks_service_time_to_live * 60}s",
        "async_fetch": {"fast_listener": True, "failed_refetch_duration": "5s"},
        "retry_policy": {"num_retries": 1},
    }


def _jwt_authn(config: Config, scope: Scope, sources: list[dict[str, Any]]) -> dict[str, Any]:
    """Checks the signature and says what it found; what it means is for policy.lua to decide.

    The names are the binding's own: what another policy found of another token must not count here.
    """
    where = (
        [{"name": CARRIER}]
        if config.jwt_origin == "customExpression"
        else [
            {"name": "authorization", "value_prefix": f"{scheme} "}
            for scheme in ("Bearer", "bearer", "BEARER")
        ]
    )
    providers = {
        f"keys-{number}": {
            "from_headers": where,
            "forward": True,
            "payload_in_metadata": f"{scope.binding}/claims",
            "header_in_metadata": f"{scope.binding}/header",
            "failed_status_in_metadata": f"{scope.binding}/failed-{number}",
            # 0 would mean 60: policy.lua looks at the times to the second.
            "clock_skew_seconds": config.leeway_seconds + 1,
            **source,
        }
        for number, source in enumerate(sources)
    }
    anyhow = [*({"provider_name": name} for name in providers), {"allow_missing_or_failed": {}}]
    return {
        "@type": TYPE_URL + "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": providers,
        "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": anyhow}}}],
    }


def _settings(config: Config, scope: Scope, sources: int) -> dict[str, lua.Value]:
    is_custom = config.jwt_origin == "customExpression"
    bits = "" if config.signing_method == "eddsa" else str(config.signing_key_length)
    names = ALGORITHMS[config.signing_method]
    checks = config.validate_custom_claim
    return {
        "claims": f"{scope.binding}/claims",
        "header": f"{scope.binding}/header",
        "failed": [f"{scope.binding}/failed-{number}" for number in range(sources)],
        "carrier": CARRIER if is_custom else None,
        "token": config.jwt_expression.lua if is_custom else None,
        "client_id": config.client_id_expression.lua,
        "realm": scope.api.rpartition("/")[2],
        "algorithms": {f"{name}{bits}": True for name in names},
        "issuers": dict.fromkeys(listed(config.supported_issuers), True),
        "any_issuer": not listed(config.supported_issuers),
        "audiences": dict.fromkeys(listed(config.supported_audiences), True),
        "checks_audience": config.validate_aud_claim,
        "needs_audience": config.mandatory_aud_claim,
        "needs_exp": config.mandatory_exp_claim,
        "needs_nbf": config.mandatory_nbf_claim,
        "leeway": config.leeway_seconds,
        "mandatory": [_claim(one) for one in config.mandatory_custom_claims if checks],
        "optional": [_claim(one) for one in config.non_mandatory_custom_claims if checks],
        "headers": [
            {"claim": one.claim_name, "header": one.header_name.lower()} for one in config.claims_to_headers
        ],
    }


def _claim(one: CustomClaim) -> dict[str, lua.Value]:
    return {"name": one.key, "expected": one.value.lua}


def advice(config: Config) -> Iterator[Advice]:
    if config.jwt_key_origin == "jwks" and any(url.startswith("http:") for url in listed(config.jwks_url)):
        yield Advice("jwksUrl", "is fetched without TLS: who stands between can put in keys of their own")


POLICY = Policy(
    name=NAME,
    title="JWT Validation",
    category=Category.SECURITY,
    phase=Phase.IDENTIFY,
    summary="Lets requests pass whose JSON Web Token is signed by a known key and says what it must.",
    version="0.12.0",
    config=Config,
    compile=compile,
    gives=frozenset(("authentication",)),
    own_variables=frozenset(("vars",)),
    advice=advice,
    aliases=("jwt-validation-flex",),
    icon="fingerprint",
)
