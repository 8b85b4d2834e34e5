"""Applying policies: configurations checked, secrets kept apart, order held."""

import json

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from apis.changes import policies
from apis.models import ApiInstance, PolicyBinding
from console import audit
from console.models import User
from gateways.models import Gateway
from tests.apis.deployment.snapshots import resources_of
from tests.factories import make_api

pytestmark = pytest.mark.django_db

BASIC = {"username": "ada", "password": "s3cr3t-value"}
LIMITS = {"rateLimits": [{"maximumRequests": 3, "timePeriodInMilliseconds": 60000}]}
ALLOW = {"ips": ["10.0.0.0/8"]}


@pytest.fixture
def api() -> ApiInstance:
    return make_api()


def generation(api: ApiInstance) -> int:
    return Gateway.objects.get(pk=api.gateway_id).generation


def pushed(api: ApiInstance, policy: str) -> dict[str, object]:
    """The configuration that the gateway gets."""
    resources = resources_of(api.gateway)
    return next(
        r.spec.config for r in resources if r.kind == "PolicyBinding" and r.spec.policy_ref.name == policy
    )


@pytest.mark.parametrize("name", ["rate-limiting", "rate-limiting-flex"])
def test_both_names_of_a_policy_apply_it(actor: User, api: ApiInstance, name: str) -> None:
    binding = policies.apply_policy(actor, api, name, LIMITS)

    assert (binding.policy, binding.order, generation(api)) == ("rate-limiting", 1, 1)
    assert pushed(api, "rate-limiting") == LIMITS


def test_an_unknown_policy_names_the_closest(actor: User, api: ApiInstance) -> None:
    with pytest.raises(ValidationError) as refused:
        policies.apply_policy(actor, api, "rate-limitting", LIMITS)

    assert 'did you mean "rate-limiting"?' in refused.value.message_dict["policy"][0]


@pytest.mark.parametrize(
    ("policy", "config", "field", "words"),
    [
        ("rate-limiting", {}, "config.rateLimits", '"Limits" is required.'),
        (
            "rate-limiting",
            {"rateLimits": [{"maximumRequests": 0}]},
            "config.rateLimits.0.timePeriodInMilliseconds",
            '"Time period" is required.',
        ),
        (
            "rate-limiting",
            {"rateLimits": [{"maximumRequests": 0, "timePeriodInMilliseconds": 1000}]},
            "config.rateLimits.0.maximumRequests",
            "Write 1 or more.",
        ),
        (
            "rate-limiting",
            {"rateLimits": [{"maximumRequests": 1, "timePeriodInMilliseconds": 10**12}]},
            "config.rateLimits.0.timePeriodInMilliseconds",
            "Write 366 days or less.",
        ),
        (
            "rate-limiting",
            {"rateLimits": [{"maximumRequests": 1, "timePeriodInMilliseconds": 0}]},
            "config.rateLimits.0.timePeriodInMilliseconds",
            "Write 1 millisecond or more.",
        ),
        (
            "rate-limiting",
            {"rateLimits": [{"maximumRequests": 1, "timePeriodInMilliseconds": "soon min"}]},
            "config.rateLimits.0.timePeriodInMilliseconds",
            '"soon min" is not a whole number of milliseconds.',
        ),
        ("rate-limiting", {"rateLimits": "ten"}, "config.rateLimits", '"ten" is not a list.'),
        ("fault-injection", {"abortPercentage": -1}, "config.abortPercentage", "Write 0 or more."),
        (
            "static-query-complexity",
            {"maximumComplexity": 1, "schema": "type Query { a: Int }", "directiveName": "no name"},
            "config.directiveName",
            '"no name" is no name of GraphQL; write letters, digits and _, such as first.',
        ),
        ("cors", {"publicResource": "perhaps"}, "config.publicResource", '"perhaps" is not true or false.'),
        ("ip-allowlist", {"ips": [7]}, "config.ips.0", '"7" is not text.'),
        (
            "http-basic-authentication",
            {"username": "a", "password": 7},
            "config.password",
            "The value is not",
        ),
        (
            "rate-limiting",
            {"rateLimits": [{"maximumRequests": "many", "timePeriodInMilliseconds": 1000}]},
            "config.rateLimits.0.maximumRequests",
            '"many" is not a whole number.',
        ),
        (
            "rate-limiting",
            LIMITS | {"exposeHeader": True},
            "config.exposeHeader",
            'did you mean "exposeHeaders"?',
        ),
        ("http-basic-authentication", {"username": "a"}, "config.password", '"Password" is required.'),
    ],
)
def test_a_bad_configuration_is_refused_at_its_field(
    actor: User, api: ApiInstance, policy: str, config: dict[str, object], field: str, words: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        policies.apply_policy(actor, api, policy, config)

    assert words in refused.value.message_dict[field][0]
    assert not api.policies.exists()


def test_an_address_that_is_none_is_named(actor: User, api: ApiInstance) -> None:
    with pytest.raises(ValidationError) as refused:
        policies.apply_policy(actor, api, "ip-allowlist", {"ips": ["10.0.0.0/8", "10.0.0.0/33"]})

    [(field, [message])] = refused.value.message_dict.items()
    assert field.startswith("config.ips")
    assert "10.0.0.0/33" in message


def test_an_expression_that_does_not_parse_is_refused_with_its_position(
    actor: User, api: ApiInstance
) -> None:
    config = LIMITS | {"keySelector": "#[attributes.headers[]"}

    with pytest.raises(ValidationError) as refused:
        policies.apply_policy(actor, api, "rate-limiting", config)

    assert any(word in refused.value.message_dict["config.keySelector"][0] for word in ("position", "column"))


def test_secrets_are_encrypted_and_only_pushed(actor: User, api: ApiInstance) -> None:
    binding = policies.apply_policy(actor, api, "http-basic-authentication", BASIC)

    assert binding.config == {"username": "ada"}
    assert pushed(api, "http-basic-authentication") == BASIC
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets, config::text FROM apis_policybinding")
        assert "s3cr3t-value" not in "".join(cursor.fetchone())
    assert "s3cr3t-value" not in json.dumps([entry.diff for entry in audit.history(binding)])


@pytest.mark.parametrize("left_out", [{}, {"password": ""}])
def test_a_secret_left_out_stays(actor: User, api: ApiInstance, left_out: dict[str, str]) -> None:
    binding = policies.apply_policy(actor, api, "http-basic-authentication", BASIC)

    policies.edit_policy(actor, binding, {"username": "bob", **left_out})

    assert pushed(api, "http-basic-authentication") == {"username": "bob", "password": "s3cr3t-value"}


def test_a_new_secret_replaces_the_old_and_is_not_told(actor: User, api: ApiInstance) -> None:
    binding = policies.apply_policy(actor, api, "http-basic-authentication", BASIC)

    policies.edit_policy(actor, binding, BASIC | {"password": "n3w-value"})

    assert pushed(api, "http-basic-authentication")["password"] == "n3w-value"
    entry = audit.history(binding).first()
    assert entry is not None
    assert entry.diff == {"secrets": [None, "changed"]}
    assert generation(api) == 2


def test_a_refused_secret_is_not_repeated(actor: User, api: ApiInstance) -> None:
    with pytest.raises(ValidationError) as refused:
        policies.apply_policy(actor, api, "http-basic-authentication", BASIC | {"password": 12345678})

    assert "12345678" not in str(refused.value)


def test_conditions_become_rules(actor: User, api: ApiInstance) -> None:
    policies.apply_policy(
        actor,
        api,
        "rate-limiting",
        LIMITS,
        conditions=[{"methodRegex": "POST", "uriTemplateRegex": "/a.*"}, {}],
    )

    [binding] = [r for r in resources_of(api.gateway) if r.metadata.name.startswith("rate-limiting")]
    [rule] = binding.spec.rules
    assert (rule.methods, rule.path) == ("POST", "/a.*")


@pytest.mark.parametrize(
    "conditions", [[{"methodRegex": "("}], [{"uriTemplateRegex": "(?=a)"}], [{"method": "GET"}]]
)
def test_bad_conditions_are_refused(actor: User, api: ApiInstance, conditions: list[dict[str, str]]) -> None:
    with pytest.raises(ValidationError) as refused:
        policies.apply_policy(actor, api, "rate-limiting", LIMITS, conditions=conditions)

    assert next(iter(refused.value.message_dict)).startswith("conditions.0.")


def test_a_policy_of_the_whole_api_takes_no_conditions(actor: User, api: ApiInstance) -> None:
    with pytest.raises(ValidationError) as refused:
        policies.apply_policy(actor, api, "cors", {}, conditions=[{"methodRegex": "GET"}])

    assert "conditions" in refused.value.message_dict


def test_order_is_kept_from_1_and_cors_is_first(actor: User, api: ApiInstance) -> None:
    policies.apply_policy(actor, api, "rate-limiting", LIMITS)
    policies.apply_policy(actor, api, "ip-allowlist", ALLOW, order=1)
    policies.apply_policy(actor, api, "cors", {})

    rows = list(api.policies.all())

    assert [row.policy for row in rows] == ["cors", "ip-allowlist", "rate-limiting"]
    assert [row.order for row in rows] == [1, 2, 3]


def test_reordering_names_each_policy_once(actor: User, api: ApiInstance) -> None:
    first = policies.apply_policy(actor, api, "rate-limiting", LIMITS)
    second = policies.apply_policy(actor, api, "ip-allowlist", ALLOW)

    policies.reorder_policies(actor, api, [second.pk, first.pk])

    assert [row.pk for row in api.policies.all()] == [second.pk, first.pk]
    for wrong in ([first.pk], [first.pk, first.pk], [first.pk, second.pk, 0]):
        with pytest.raises(ValidationError):
            policies.reorder_policies(actor, api, wrong)


def test_a_disabled_policy_is_not_pushed(actor: User, api: ApiInstance) -> None:
    binding = policies.apply_policy(actor, api, "rate-limiting", LIMITS)

    policies.set_policy_disabled(actor, binding, True)
    without = resources_of(api.gateway)
    policies.set_policy_disabled(actor, binding, False)
    with_it = resources_of(api.gateway)

    assert len(with_it) == len(without) + 1
    assert generation(api) == 3


def test_removing_closes_the_gap(actor: User, api: ApiInstance) -> None:
    first = policies.apply_policy(actor, api, "rate-limiting", LIMITS)
    policies.apply_policy(actor, api, "ip-allowlist", ALLOW)

    policies.remove_policy(actor, first)

    assert [row.order for row in PolicyBinding.objects.all()] == [1]
    assert generation(api) == 3
