"""The form made from a policy's schema: what it shows, what it reads back, where its errors stand."""

from typing import Annotated, Any, Literal

import pytest
from django.http import QueryDict
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.alias_generators import to_camel

from console.forms import rows, schema_data, schema_form
from policies.catalog import find
from policies.policy import MANY_LINES


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Limit(Part):
    maximum_requests: int = Field(title="Maximum requests", ge=1)
    is_soft: bool = Field(True, title="Soft")


class Group(Part):
    origins: tuple[str, ...] = Field((), title="Origins")
    limits: tuple[Limit, ...] = Field((), title="Limits")


class Config(Part):
    username: str = Field(title="User name", description="Who may call.")
    password: SecretStr = Field(title="Password")
    mode: Literal["strict", "lenient"] = Field("strict", title="Mode")
    ratio: float | None = Field(None, title="Ratio", gt=0, le=1)
    expose_headers: bool = Field(False, title="Expose headers")
    key_selector: str | None = Field(None, title="Key", json_schema_extra={"format": "dataweave"})
    verbs: tuple[Literal["GET", "PUT"], ...] = Field(("GET",), title="Verbs")
    ips: tuple[str, ...] = Field((), title="Addresses")
    rate_limits: Annotated[tuple[Limit, ...], Field(title="Limits", min_length=1)]
    groups: tuple[Group, ...] = Field((), title="Groups")
    first: Group = Field(Group(), title="First")
    period: int | None = Field(None, title="Period", le=10**9, json_schema_extra={"format": "duration-ms"})
    trusted_ca: str = Field("", title="CA", json_schema_extra=MANY_LINES)
    age: int = Field(600, title="Age", json_schema_extra={"format": "duration-s"})


SCHEMA = Config.model_json_schema(by_alias=True)


def shown(
    config: dict[str, Any] | None = None,
    errors: dict[str, list[str]] | None = None,
    stored: tuple[str, ...] = (),
) -> dict[str, schema_form.Field]:
    """Every field of the form, inner ones too, by name."""

    def flat(fields: tuple[schema_form.Field, ...]) -> dict[str, schema_form.Field]:
        found = {one.name: one for one in fields}
        for one in fields:
            found |= flat(one.fields)
        return found

    return flat(schema_form.fields(SCHEMA, config or {}, errors, stored))


def posted(text: str) -> dict[str, Any]:
    return schema_data.read(SCHEMA, QueryDict(text))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("username", "text"),
        ("password", "secret"),
        ("mode", "choice"),
        ("ratio", "number"),
        ("exposeHeaders", "switch"),
        ("keySelector", "expression"),
        ("trustedCa", "area"),
        ("verbs", "choices"),
        ("ips", "lines"),
        ("rateLimits", "rows"),
        ("first", "group"),
        ("first.origins", "lines"),
        ("period", "duration"),
    ],
)
def test_each_type_has_its_control(name: str, kind: str) -> None:
    assert shown()[f"config.{name}"].kind == kind


def test_title_description_default_and_bounds_reach_the_control() -> None:
    fields = shown()

    assert fields["config.username"].label == "User name"
    assert fields["config.username"].help == "Who may call."
    assert fields["config.username"].is_required
    assert [c.value for c in fields["config.mode"].choices if c.is_chosen] == ["strict"]
    assert fields["config.ratio"].attributes == {"min": 0, "max": 1, "step": "any"}
    assert not fields["config.ratio"].is_required


def test_a_list_that_needs_a_row_starts_with_one() -> None:
    fields = shown()

    assert fields["config.rateLimits.0.maximumRequests"].attributes == {"min": 1}
    assert fields["config.rateLimits.0.isSoft"].value is True


def test_configuration_fills_every_level() -> None:
    fields = shown(
        {"ips": ["10.0.0.1", "10.0.0.2"], "groups": [{"limits": [{"maximumRequests": 3, "isSoft": False}]}]}
    )

    assert fields["config.ips"].value == "10.0.0.1\n10.0.0.2"
    assert fields["config.groups.0.limits.0.maximumRequests"].value == 3
    assert fields["config.groups.0.limits.0.isSoft"].value is False


def test_errors_stand_at_their_fields() -> None:
    fields = shown(
        {"ips": ["10.0.0.1", "x"], "rateLimits": [{}]},
        {"config.rateLimits.0.maximumRequests": ["Must be at least 1."], "config.ips.1": ["Not an address."]},
    )

    assert fields["config.rateLimits.0.maximumRequests"].errors == ("Must be at least 1.",)
    assert fields["config.rateLimits"].errors == ()
    assert fields["config.ips"].errors == ("Line 2: Not an address.",)


def test_a_stored_secret_is_told_and_not_shown() -> None:
    field = shown({"username": "ada"}, stored=("password",))["config.password"]

    assert field.is_stored
    assert field.value == ""


def test_what_is_posted_is_read_with_its_types() -> None:
    config = posted(
        "config.username=ada&config.password=x&config.mode=lenient&config.ratio=0.5&config.exposeHeaders=on"
        "&config.verbs=GET&config.verbs=PUT&config.ips=10.0.0.1%0D%0A%0D%0A10.0.0.2"
        "&config.rateLimits=4&config.rateLimits.4.maximumRequests=10&config.first.origins=a"
    )

    assert config == {
        "username": "ada",
        "password": "x",
        "mode": "lenient",
        "ratio": 0.5,
        "exposeHeaders": True,
        "verbs": ["GET", "PUT"],
        "ips": ["10.0.0.1", "10.0.0.2"],
        "rateLimits": [{"maximumRequests": 10, "isSoft": False}],
        "groups": [],
        "first": {"origins": ["a"], "limits": []},
    }
    assert Config.model_validate(config).first.origins == ("a",)


def test_what_was_mistyped_stays_as_typed() -> None:
    config = posted("config.username=&config.rateLimits=0&config.rateLimits.0.maximumRequests=ten")

    assert "username" not in config
    assert config["rateLimits"][0]["maximumRequests"] == "ten"
    assert shown(config)["config.rateLimits.0.maximumRequests"].value == "ten"
    with pytest.raises(ValidationError):
        Config.model_validate(config)


@pytest.mark.parametrize("text", ["nan", "inf", "1e999"])
def test_a_number_that_json_cannot_hold_stays_text(text: str) -> None:
    assert posted(f"config.ratio={text}")["ratio"] == text


def test_a_row_is_added_with_its_defaults() -> None:
    data = QueryDict("config.rateLimits=0&config.rateLimits.0.maximumRequests=7&rows=add:config.rateLimits")

    config = schema_data.read(SCHEMA, rows.changed(data))

    assert config["rateLimits"] == [{"maximumRequests": 7, "isSoft": False}, {}]
    assert shown(config)["config.rateLimits.1.isSoft"].value is True


@pytest.mark.parametrize(
    ("action", "order"),
    [
        ("remove:config.rateLimits:a", [2, 3]),
        ("down:config.rateLimits:a", [2, 1, 3]),
        ("up:config.rateLimits:c", [1, 3, 2]),
        ("up:config.rateLimits:a", [1, 2, 3]),
        ("down:config.rateLimits:c", [1, 2, 3]),
        ("remove:config.rateLimits:nothing", [1, 2, 3]),
        ("nonsense", [1, 2, 3]),
    ],
)
def test_rows_are_removed_and_moved(action: str, order: list[int]) -> None:
    data = "&".join(
        f"config.rateLimits={key}&config.rateLimits.{key}.maximumRequests={n}"
        for n, key in enumerate("abc", 1)
    )

    config = schema_data.read(SCHEMA, rows.changed(QueryDict(f"{data}&rows={action}")))

    assert [row["maximumRequests"] for row in config["rateLimits"]] == order


def test_rows_nest() -> None:
    data = QueryDict("config.groups=0&config.groups.0.limits=0&rows=add:config.groups.0.limits")

    assert schema_data.read(SCHEMA, rows.changed(data))["groups"][0]["limits"] == [
        {"isSoft": False},
        {},
    ]


@pytest.mark.parametrize(
    ("value", "number", "unit"),
    [
        (1500, "1500", "ms"),
        (90_000, "90", "s"),
        (60_000, "1", "min"),
        (7_200_000, "2", "h"),
        (86_400_000, "1", "d"),
        (0, "0", "ms"),
        ("soon h", "soon", "h"),
        (None, "", "s"),
    ],
)
def test_a_time_is_shown_as_number_and_unit(value: object, number: str, unit: str) -> None:
    field = shown({"period": value})["config.period"]

    assert (field.value, [one.value for one in field.choices if one.is_chosen]) == (number, [unit])


@pytest.mark.parametrize(
    ("number", "unit", "kept"),
    [
        ("2", "h", 7_200_000),
        ("1.5", "min", 90_000),
        ("1.5", "ms", "1.5 ms"),
        ("soon", "h", "soon h"),
        ("2", "weeks", "2 weeks"),
        ("1e999", "d", "1e999 d"),
        ("nan", "s", "nan s"),
    ],
)
def test_a_time_is_read_in_its_unit(number: str, unit: str, kept: object) -> None:
    assert posted(f"config.period={number}&config.period.unit={unit}")["period"] == kept


def test_a_time_without_a_unit_is_in_the_one_that_is_kept() -> None:
    config = posted("config.period=60000&config.age=600")

    assert (config["period"], config["age"]) == (60_000, 600)


def test_a_time_in_seconds_offers_no_milliseconds() -> None:
    field = shown()["config.age"]

    assert (field.value, [one.value for one in field.choices]) == ("10", ["s", "min", "h", "d"])


def test_a_field_knows_with_which_values_of_another_it_is_shown() -> None:
    jwt = find("jwt-validation").config

    made = {one.key: one for one in schema_form.fields(jwt.model_json_schema(by_alias=True), {})}

    assert made["signingMethod"].when is None
    assert made["jwksUrl"].when == schema_form.When("config.jwtKeyOrigin", "jwks")
    assert made["supportedAudiences"].when == schema_form.When("config.validateAudClaim", "true")
    assert made["signingKeyLength"].when == schema_form.When("config.signingMethod", "rsa hmac es")
    assert made["jwksUrl"].is_required


def test_what_two_fields_decide_is_told_of_both() -> None:
    told = {"type": "string", "when": {"kind": ["a", "b"], "is_on": [True]}}
    schema = {"type": "object", "properties": {"told": told}}

    (field,) = schema_form.fields(schema, {})

    assert field.when == schema_form.When("config.kind config.is_on", "a b|true")


def test_words_in_use_are_offered_but_for_those_it_has() -> None:
    schema = {"type": "object", "properties": {"tags": {"type": "array", "items": {"type": "string"}}}}
    made = schema_form.fields(schema, {"tags": ["eu", "pci"]}, prefix="")

    (field,) = schema_form.offering(made, "tags", ["eu", "us"])

    assert [one.value for one in field.choices] == ["us"]


def test_a_list_without_a_value_offers_what_there_is_alone() -> None:
    schema = {"type": "object", "properties": {"told": {"type": "array", "items": {"enum": ["a", "b"]}}}}

    (field,) = schema_form.fields(schema, {}, {}, prefix="")

    assert [(one.value, one.is_chosen) for one in field.choices] == [("a", False), ("b", False)]
