"""What a form says of a setting that is sound and does nothing as things are."""

from typing import Any

import pytest
from pydantic import ValidationError

from policies.advice import advice
from policies.catalog import find

JWT = find("jwt-validation")
KEY = {"signingMethod": "hmac", "textKey": "s" * 32}
LIMITS = {"rateLimits": [{"maximumRequests": 3, "timePeriodInMilliseconds": 60_000}]}


def said(config: dict[str, Any]) -> dict[str, str]:
    return {one.field: one.message for one in advice(JWT, JWT.config.model_validate(config))}


def test_what_does_nothing_beside_another_setting_is_told() -> None:
    found = said(KEY | {"jwksUrl": "https://issuer.example.com/keys", "supportedAudiences": "orders"})

    assert found == {
        "jwksUrl": 'does nothing while "Where the key is" is "Written here"',
        "supportedAudiences": 'does nothing while "Check the audience" is off',
    }
    assert said(KEY | {"validateAudClaim": True, "supportedAudiences": "orders"}) == {}


def test_what_a_form_sends_of_a_field_that_it_hides_is_no_advice() -> None:
    """Its usual value, an expression's too."""
    assert said(KEY | {"jwtExpression": "#[attributes.headers['jwt']]"}) == {}
    assert "jwtExpression" in said(KEY | {"jwtExpression": "#[attributes.headers['other']]"})


def test_what_a_cache_cannot_do_or_lets_anybody_do_is_told() -> None:
    cache = find("http-caching")
    config = {
        "distributed": True,
        "invalidationHeader": "x-order",
        "requestExpression": "#[attributes.method == 'POST']",
    }

    told = [one.field for one in advice(cache, cache.config.model_validate(config))]

    assert told == ["invalidationHeader", "requestExpression"]
    assert advice(cache, cache.config()) == []
    unused = cache.config.model_validate({"invalidationExpression": "#[attributes.method == 'GET']"})
    assert [one.field for one in advice(cache, unused)] == ["invalidationExpression"]


@pytest.mark.parametrize(
    ("key", "warned"), [("#[attributes.requestPath]", ["keepSetCookie"]), ("#[authentication.clientId]", [])]
)
def test_a_cache_that_gives_cookies_to_all_is_told(key: str, warned: list[str]) -> None:
    cache = find("http-caching")
    config = cache.config.model_validate({"keepSetCookie": True, "httpCachingKey": key})

    assert [one.field for one in advice(cache, config)] == warned


@pytest.mark.parametrize(
    ("policy", "config", "field", "written"),
    [
        ("http-caching", {"httpCachingKey": "/orders"}, "httpCachingKey", "#[attributes.requestPath]"),
        ("http-caching", {"httpCachingKey": "#['a']"}, "httpCachingKey", "#[attributes.requestPath]"),
        (
            "jwt-validation",
            {**KEY, "jwtOrigin": "customExpression", "jwtExpression": "jwt"},
            "jwtExpression",
            "#[attributes.headers['jwt']]",
        ),
        ("client-id-enforcement", {"clientIdExpression": "id"}, "clientIdExpression", "headers['id']]"),
        ("client-id-enforcement", {"clientIdExpression": "my id"}, "clientIdExpression", "['client_id']]"),
        ("rate-limiting", {**LIMITS, "keySelector": "x-a"}, "keySelector", " #[attributes.headers['x-a']]"),
        (
            "rate-limiting",
            {**LIMITS, "keySelector": "#[1]"},
            "keySelector",
            " #[attributes.headers['x-user']]",
        ),
    ],
)
def test_a_text_in_the_place_of_an_expression_is_told(
    policy: str, config: dict[str, Any], field: str, written: str
) -> None:
    found = find(policy)

    told = [one for one in advice(found, found.config.model_validate(config)) if one.field == field]

    assert len(told) == 1, told
    assert told[0].message.startswith("is one text for all requests")
    assert told[0].message.endswith(written)


def test_an_expression_without_its_marks_is_shown_with_them() -> None:
    limiting = find("rate-limiting")

    told = advice(
        limiting, limiting.config.model_validate({**LIMITS, "keySelector": "attributes.headers['x']"})
    )

    assert "#[attributes.headers['x']]" in told[0].message
    assert all("['attributes" not in one.message for one in told)


def test_sites_that_are_named_and_not_asked_for_are_told() -> None:
    """`publicResource` is true where nobody says otherwise: then any site may call."""
    cors = find("cors")
    groups = {"originGroups": [{"origins": ["https://shop.example.com"]}]}

    told = {one.field: one.message for one in advice(cors, cors.config.model_validate(groups))}

    assert told == {"originGroups": 'does nothing while "Public resource" is on'}
    assert advice(cors, cors.config.model_validate(groups | {"publicResource": False})) == []


def test_a_method_that_is_said_twice_is_told() -> None:
    cors = find("cors")
    methods = [{"methodName": "GET"}, {"methodName": "PUT"}, {"methodName": "GET", "isAllowed": False}]
    group = {"origins": ["https://shop.example.com"], "allowedMethods": methods}
    config = {"publicResource": False, "originGroups": [group]}

    (told,) = advice(cors, cors.config.model_validate(config))

    assert (told.field, told.message.partition(";")[0]) == ("originGroups", "says GET more than once")


def test_credentials_for_every_site_are_told() -> None:
    cors = find("cors")
    credentials = {"supportCredentials": True}

    def said(**config: Any) -> list[str]:
        return [one.field for one in advice(cors, cors.config.model_validate(credentials | config))]

    assert said() == ["supportCredentials"]
    assert said(publicResource=False, originGroups=[{"origins": ["*"]}]) == ["supportCredentials"]
    assert said(publicResource=False, originGroups=[{"origins": ["https://*.example.com"]}]) == []


@pytest.mark.parametrize(
    ("content_type", "body", "count"),
    [
        ("application/json", '{"code": {{status}}, "error": "{{error}}", "id": "{{requestId}}"}', 0),
        ("application/json", '{"id": {{requestId}}}', 1),
        ("Application/Problem+JSON; charset=utf-8", "down", 1),
        ("text/plain", "down", 0),
    ],
)
def test_a_template_that_is_no_json_and_says_it_is_told(content_type: str, body: str, count: int) -> None:
    errors = find("error-templates")
    config = {"templates": [{"status": "503", "contentType": content_type, "body": body}]}

    assert len(advice(errors, errors.config.model_validate(config))) == count


SCHEMA = "type Query {a: Int}"
COST = {"schema": SCHEMA, "maximumComplexity": 9}
CLAIMS = {**KEY, "validateCustomClaim": True}
INTROSPECTED = {"introspectionURL": "https://idp.example.com/i", "authorizationValue": "Basic YTpi"}
SITES = {"publicResource": False}
SITE = {"origins": ["https://a.example.com"]}
OPENAPI = """
openapi: 3.0.0
info: {title: a, version: "1"}
paths: {/a: {get: {responses: {"200": {description: a}}}}}
"""
IDLE = [
    ("fault-injection", {"abortPercentage": 10, "delayInMilliseconds": 5000}, "delayInMilliseconds"),
    ("fault-injection", {"delayPercentage": 10, "abortStatus": 500}, "abortStatus"),
    ("adaptive-concurrency", {"minimumConcurrency": 50, "maximumConcurrency": 10}, "minimumConcurrency"),
    ("schema-validation", {"schema": SCHEMA, "blockOperation": False}, "blockOperation"),
    (
        "static-query-complexity",
        {"schema": SCHEMA, "maximumComplexity": 9, "blockOperation": False},
        "blockOperation",
    ),
    ("spec-validation", {"spec": OPENAPI, "blockOperation": False}, "blockOperation"),
    ("http-caching", {"requestExpression": "#[false]"}, "requestExpression"),
    ("http-caching", {"responseExpression": "#[false]"}, "responseExpression"),
    ("ip-allowlist", {"ips": ["192.0.2.1", "0.0.0.0/0"]}, "ips"),
    ("ip-blocklist", {"ips": ["::/0"]}, "ips"),
    ("spike-control", {"delayAttempts": 0, "queuingLimit": 10}, "queuingLimit"),
    ("dataweave-request-filter", {"script": "{success: true}"}, "script"),
    (
        "dataweave-request-filter",
        {"script": "if (attributes.method == 'GET' or true) {success: false} else {success: true}"},
        "script",
    ),
    (
        "dataweave-request-filter",
        {"script": "{success: attributes.method == 'GET'}", "requiresPayload": True},
        "requiresPayload",
    ),
    ("http-caching", {"requestExpression": "#[attributes.method == 'GET' and 1 == 2]"}, "requestExpression"),
    (
        "http-caching",
        {"invalidationHeader": "x-order", "invalidationExpression": "#[false]"},
        "invalidationExpression",
    ),
    ("rate-limiting", {**LIMITS, "keySelector": "#[lower('A')]"}, "keySelector"),
    ("client-id-enforcement", {"clientIdExpression": "#[lower('A')]"}, "clientIdExpression"),
    (
        "client-id-enforcement",
        {"clientSecretExpression": "#[attributes.headers['client_id']]"},
        "clientSecretExpression",
    ),
    (
        "jwt-validation",
        {**CLAIMS, "mandatoryCustomClaims": [{"key": "a", "value": "#[true]"}]},
        "mandatoryCustomClaims",
    ),
    (
        "jwt-validation",
        {**CLAIMS, "mandatoryCustomClaims": [{"key": "a", "value": "x"}, {"key": "a", "value": "y"}]},
        "mandatoryCustomClaims",
    ),
    (
        "jwt-validation",
        {
            **CLAIMS,
            "mandatoryCustomClaims": [{"key": "a", "value": "x"}],
            "nonMandatoryCustomClaims": [{"key": "a", "value": "x"}],
        },
        "nonMandatoryCustomClaims",
    ),
    ("jwt-validation", {**KEY, "supportedIssuers": "a, b,a"}, "supportedIssuers"),
    ("oauth2-token-introspection", {**INTROSPECTED, "scopes": "read write read"}, "scopes"),
    (
        "oauth2-token-introspection",
        {**INTROSPECTED, "scopes": "read", "scopeValidationCriteria": "OR"},
        "scopeValidationCriteria",
    ),
    (
        "oauth2-token-introspection",
        {**INTROSPECTED, "validatedTokenTTL": 0, "maxCacheEntries": 5},
        "maxCacheEntries",
    ),
    ("retry", {"maximumRetries": 0, "methods": ["GET"]}, "methods"),
    ("header-removal", {"inboundHeaders": ["Keep-Alive"]}, "inboundHeaders"),
    ("injection-protection", {"protectHeaders": True, "headersToProtect": ["TE"]}, "headersToProtect"),
    (
        "json-threat-protection",
        {"maxObjectEntryCount": 0, "maxObjectEntryNameLength": 9},
        "maxObjectEntryNameLength",
    ),
    ("xml-threat-protection", {"maxChildCount": 0, "maxNodeDepth": 9}, "maxNodeDepth"),
    ("static-query-complexity", {**COST, "defaultFieldCost": 0}, "defaultFieldCost"),
    ("static-query-complexity", {**COST, "directiveName": "price"}, "directiveName"),
    ("cors", {**SITES, "originGroups": [{**SITE, "origins": []}, SITE]}, "originGroups.0.origins"),
    ("cors", {**SITES, "originGroups": [{**SITE, "headers": ["*", "x-a"]}]}, "originGroups.0.headers"),
    (
        "cors",
        {**SITES, "originGroups": [{**SITE, "allowedMethods": []}]},
        "originGroups.0.allowedMethods",
    ),
    (
        "cors",
        {**SITES, "supportCredentials": True, "originGroups": [{**SITE, "exposedHeaders": ["*"]}]},
        "originGroups.0.exposedHeaders",
    ),
    ("spike-control", {"delayAttempts": 0, "delayTimeInMillis": 10}, "delayTimeInMillis"),
    ("user-agent-filter", {"denied": ["curl", "Bot"], "allowed": ["bot", "Googlebot"]}, "denied"),
    (
        "header-injection",
        {
            "inboundHeaders": [
                {"key": "Content-Type", "value": "a/b"},
                {"key": "content-type", "value": "a/c"},
            ]
        },
        "inboundHeaders",
    ),
]


@pytest.mark.parametrize(("name", "config", "field"), IDLE, ids=lambda one: str(one)[:40])
def test_what_cannot_act_is_told(name: str, config: dict[str, Any], field: str) -> None:
    policy = find(name)

    told = advice(policy, policy.config.model_validate(config))

    assert [one.field for one in told] == [field]


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("fault-injection", {"abortPercentage": 10, "delayPercentage": 5, "delayInMilliseconds": 5000}),
        ("spike-control", {"delayAttempts": 2, "queuingLimit": 10, "delayTimeInMillis": 10}),
        ("ip-allowlist", {"ips": ["0.0.0.0/1"]}),
        ("dataweave-request-filter", {"script": "{success: attributes.method == 'GET'}"}),
        (
            "dataweave-request-filter",
            {"script": "if (attributes.method == 'GET') {success: true} else {success: false}"},
        ),
        ("http-caching", {"requestExpression": "#[true]"}),
        ("rate-limiting", {**LIMITS, "keySelector": "#[uuid()]"}),
        (
            "jwt-validation",
            {
                **CLAIMS,
                "mandatoryCustomClaims": [
                    {"key": "a", "value": "#[vars.claimSet.a contains 'x']"},
                    {"key": "a", "value": "#[vars.claimSet.a contains 'y']"},
                ],
            },
        ),
        ("oauth2-token-introspection", {**INTROSPECTED, "scopes": "a b", "scopeValidationCriteria": "OR"}),
        ("json-threat-protection", {"maxObjectEntryCount": 5, "maxObjectEntryNameLength": 9}),
        ("static-query-complexity", {**COST, "defaultFieldCost": 2}),
        ("cors", {**SITES, "originGroups": [{**SITE, "headers": ["*"]}]}),
        ("user-agent-filter", {"denied": ["bot"], "allowed": ["Googlebot"]}),
        (
            "header-injection",
            {"inboundHeaders": [{"key": "x-a", "value": "1"}, {"key": "x-a", "value": "2"}]},
        ),
    ],
    ids=lambda one: str(one)[:40],
)
def test_what_acts_is_no_advice(name: str, config: dict[str, Any]) -> None:
    policy = find(name)

    assert advice(policy, policy.config.model_validate(config)) == []


@pytest.mark.parametrize("share", [0.00001, 0.00004])
def test_a_share_that_is_never_drawn_is_refused(share: float) -> None:
    for name, config in (
        ("fault-injection", {"abortPercentage": share}),
        ("traffic-mirroring", {"uri": "https://test.example.com", "percentage": share}),
    ):
        with pytest.raises(ValidationError, match=r"write 0\.0001 at least"):
            find(name).config.model_validate(config)
        find(name).config.model_validate(config | {next(reversed(config)): 0.0001})
