"""What a form says of a setting that is sound and does nothing as things are."""

from typing import Any

from console.forms import schema_form
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


def test_a_field_knows_with_which_values_of_another_it_is_shown() -> None:
    made = {one.key: one for one in schema_form.fields(JWT.config.model_json_schema(by_alias=True), {})}

    assert made["signingMethod"].when is None
    assert made["jwksUrl"].when == schema_form.When("config.jwtKeyOrigin", "jwks")
    assert made["supportedAudiences"].when == schema_form.When("config.validateAudClaim", "true")
    assert made["signingKeyLength"].when == schema_form.When("config.signingMethod", "rsa hmac es")
    assert made["jwksUrl"].is_required
