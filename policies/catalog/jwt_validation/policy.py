"""JWT Validation: lets requests pass whose token is signed by a known key and says what it must."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from policies import repeats
from policies.catalog.jwt_validation import keys
from policies.catalog.jwt_validation.config import Config, CustomClaim, listed
from policies.catalog.jwt_validation.published import FILLED, asks, concerns, fill, published
from policies.compiled import TYPE_URL, Compiled, Filter, Scope, Script, Secret
from policies.contracts import memory
from policies.documents import asking, jwks
from policies.expression import lua
from policies.expression.nodes import truth
from policies.expression.parser import OPEN
from policies.policy import Category, Phase, Policy
from policies.scripting.script import BASE64, JSON, SHA256, UNSAID, script
from policies.traits import Advice, AsksContracts, FromProvider

NAME = "jwt-validation"
CONTRACT = [SHA256, memory.LUA, Path(__file__).with_name("contract.lua")]
CARRIER = "x-gatewright-jwt"
"""Where an expression's token stands for Envoy's filter; what callers send there is overwritten."""
ROUGHLY_SECONDS = 3600
REMEMBERED, LONGEST_REMEMBERED = 100, 4096
"""Tokens that each worker thread remembers for each route, and how many bytes one of them has at most."""
NO_KEYS = json.dumps(
    {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "none", "alg": "EdDSA", "x": "_" * 42 + "8"}]}
)
"""What Envoy takes as a key set, and no signature fits: these bytes are no point of the curve."""
SIGNATURES = {("es", 256): 86, ("es", 384): 128, ("es", 512): 176, ("eddsa", 256): 86}
"""How many characters a signature has, where that is one number for all keys."""
ALGORITHMS = {"rsa": ("RS", "PS"), "hmac": ("HS",), "es": ("ES",), "eddsa": ("EdDSA",)}


def compile(config: Config, scope: Scope) -> Compiled:
    found = None if config.jwt_key_origin == "text" else published(config, scope)
    made, secrets = _published(found.texts, scope) if found else _written(config, scope)
    claims = [JSON, BASE64, Path(__file__).with_name("claims.lua")]
    check = Path(__file__).with_name("policy.lua")
    tell = Path(__file__).with_name("tell.lua")
    settings = _settings(config, scope, found.issuer if found else "")
    settings["asks"] = asking.settings(scope.state, found.documents) if found else None
    settings["lacks_keys"] = found is not None and None in found.texts
    settings["has_keys"] = found is None or any(found.texts)
    told = {one: settings[one] for one in ("header", "carrier", "token", "client_id", "contracts")}
    looking = CONTRACT if settings["contracts"] else []
    filters: tuple[Filter | Script, ...] = (
        Filter(f"{scope.binding}/signature", _jwt_authn(config, scope, made)),
        script(scope, NAME, [*claims, *looking, asking.LUA, UNSAID, check], settings, evaluates=True),
        script(scope, NAME, [*claims, *looking, tell], told, evaluates=True, gives="authentication"),
    )
    if config.jwt_origin == "customExpression":
        carry = Path(__file__).with_name("carry.lua")
        carried: dict[str, lua.Value] = {"token": config.jwt_expression.lua, "carrier": CARRIER}
        filters = (script(scope, NAME, [carry], carried, evaluates=True), *filters)
    return Compiled(filters, secrets=secrets)


def _written(config: Config, scope: Scope) -> tuple[dict[str, Any], tuple[Secret, ...]]:
    """The key set of the key that stands in the configuration: an HMAC secret in a file of its own."""
    text = config.text_key.get_secret_value() if config.text_key else ""
    made = keys.jwks(text, config.signing_method, config.signing_key_length)
    if config.signing_method != "hmac":
        return {"local_jwks": {"inline_string": made}}, ()
    secret = scope.secret(made)
    return {"local_jwks": {"filename": str(secret.path)}}, (secret,)


def _published(texts: Sequence[str | None], scope: Scope) -> tuple[dict[str, Any], tuple[Secret, ...]]:
    """The key set of all that are at hand. In a file: each route of an API would hold it otherwise."""
    known = [text for text in texts if text is not None]
    if not known:
        return {"local_jwks": {"inline_string": NO_KEYS}}, ()
    keys = scope.secret(jwks.merged(known))
    return {"local_jwks": {"filename": str(keys.path)}}, (keys,)


def _jwt_authn(config: Config, scope: Scope, source: dict[str, Any]) -> dict[str, Any]:
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
    provider = {
        "from_headers": where,
        "forward": True,
        # What it says is read by claims.lua, once: Envoy would copy all of it for each request.
        "header_in_metadata": f"{scope.binding}/header",
        "failed_status_in_metadata": f"{scope.binding}/failed",
        # policy.lua looks at the times to the second, and says by how much they are missed.
        "clock_skew_seconds": config.leeway_seconds + ROUGHLY_SECONDS,
        # What verified once under these keys is not verified again: other keys make another filter. Times,
        # and all that policy.lua looks at, are judged each time.
        "jwt_cache_config": {"jwt_cache_size": REMEMBERED, "jwt_max_token_size": LONGEST_REMEMBERED},
        **source,
    }
    anyhow = [{"provider_name": "keys"}, {"allow_missing_or_failed": {}}]
    return {
        "@type": TYPE_URL + "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"keys": provider},
        "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": anyhow}}}],
    }


def _settings(config: Config, scope: Scope, issuer: str) -> dict[str, lua.Value]:
    """`issuer` is the provider's, whose tokens alone are taken where nobody says others."""
    issuers = listed(config.supported_issuers) or ([issuer] if issuer else [])
    is_custom = config.jwt_origin == "customExpression"
    bits = "" if config.signing_method == "eddsa" else str(config.signing_key_length)
    signed = config.signing_method, 256 if config.signing_method == "eddsa" else config.signing_key_length
    names = ALGORITHMS[config.signing_method]
    checks = config.validate_custom_claim
    return {
        "header": f"{scope.binding}/header",
        "failed": f"{scope.binding}/failed",
        "carrier": CARRIER if is_custom else None,
        "token": config.jwt_expression.lua if is_custom else None,
        "client_id": config.client_id_expression.lua,
        "contracts": None if config.skip_client_id_validation else memory.settings(scope.state, scope.api),
        "realm": scope.realm,
        "signature": SIGNATURES.get(signed),
        "algorithms": {f"{name}{bits}": True for name in names},
        "issuers": dict.fromkeys(issuers, True),
        "any_issuer": not issuers,
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
    if config.jwt_key_origin == "provider" and config.provider_url.startswith("http:"):
        yield Advice("providerUrl", "is asked without TLS: who stands between can put in keys of their own")
    if config.jwt_key_origin == "jwks" and any(url.startswith("http:") for url in listed(config.jwks_url)):
        yield Advice("jwksUrl", "is fetched without TLS: who stands between can put in keys of their own")

    for field, text in (
        ("jwksUrl", config.jwks_url),
        ("supportedIssuers", config.supported_issuers),
        ("supportedAudiences", config.supported_audiences),
    ):
        if message := repeats.told(part for it in text.split(",") if (part := it.strip())):
            yield Advice(field, message)
    if config.validate_custom_claim:
        yield from _of_claims(config)


def _of_claims(config: Config) -> Iterator[Advice]:
    wanted: dict[str, list[str]] = {}
    for field, claims in (
        ("mandatoryCustomClaims", config.mandatory_custom_claims),
        ("nonMandatoryCustomClaims", config.non_mandatory_custom_claims),
    ):
        for one in claims:
            before, text = wanted.setdefault(one.key, []), one.value.constant
            if (holds := truth(one.value.node)) is not None:
                yield Advice(field, f"what {one.key} must be is {'always' if holds else 'never'} true")
            elif one.value.text in before:
                yield Advice(field, f"{one.key} is checked for this already")
            elif text is not None and any(not it.startswith(OPEN) for it in before):
                yield Advice(field, f"{one.key} cannot be two texts: no token that has it passes")
            before.append(one.value.text)


def asks_contracts(config: Config) -> AsksContracts | None:
    return None if config.skip_client_id_validation else AsksContracts()


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
    asks_contracts=asks_contracts,
    advice=advice,
    from_provider=FromProvider(asks, fill, FILLED, concerns),
    aliases=("jwt-validation-flex",),
    refuses=True,
    icon="fingerprint",
)
