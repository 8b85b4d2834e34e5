"""What a form says of a setting that is sound and does nothing as things are."""

from typing import Any

from policies.advice import advice
from policies.catalog import find

JWT = find("jwt-validation")
KEY = {"signingMethod": "hmac", "textKey": "s" * 32}


def said(config: dict[str, Any]) -> dict[str, str]:
    return {one.field: one.message for one in advice(JWT, JWT.config.model_validate(config))}


def test_what_does_nothing_beside_another_setting_is_told() -> None:
    found = said(KEY | {"jwksUrl": "https://issuer.example.com/keys", "supportedAudiences": "orders"})

    assert found == {
        "jwksUrl": 'does nothing while "Where the key is" is text',
        "supportedAudiences": 'does nothing while "Check the audience" is off',
    }
    assert said(KEY | {"validateAudClaim": True, "supportedAudiences": "orders"}) == {}
