"""Texts that YAML, variables or mentions could take for something else come through a file as they were."""

import random

import pytest

from apis.changes import terms
from apis.changes.tests import add_test
from apis.portable.exporting import yaml_of as yaml_of_rows
from apis.portable.faults import BadFile
from apis.portable.making import make
from apis.portable.read import read
from apis.portable.rows import portable_of
from apis.portable.shape import (
    AssetPart,
    DocumentPart,
    MutedPart,
    PolicyPart,
    Portable,
    RoutePart,
    TargetPart,
    TierPart,
    UpstreamPart,
)
from apis.portable.wanted import WantedApi
from apis.portable.written import yaml_of
from console.lines import is_line
from gateways.protocol import cases
from tests.apis.changes.test_copies import make_whole
from tests.apis.portable.test_round_trip import filled
from tests.apis.views.pages import make_place
from tests.factories import (
    make_actor,
    make_alert,
    make_environment,
    make_gateway,
    make_organization,
    make_tier,
)

PIECES = (
    *(": ", "#", " #", "!!python/object:os.system", "&a", "*a", "- ", "? ", "---", "...", "%YAML", "@", "`"),
    *("'", '"', "\\", "|", ">", "{{}}", "[", "]", "{", "}", ",", "<<", "=", "\t", " ", "   ", "\n", "\r"),
    *(
        "\r\n",
        "\x85",
        "\u2028",
        "\u2029",
        "\ufeff",
        "\x7f",
        "\x9f",
        "\x07",
        "\ufffe",
        "\U0001f600",
        "e\u0301",
    ),
    *("yes", "No", "012", "0x1f", "1_000", "1:30", "1e3", "null", "~", ".inf", ".nan", "2001-01-01", "true"),
    *("$HOME", "$$HOME", "${HOME}", "${secret:a/b}", "${secret:", "#[payload]", "word " * 40, "x" * 300),
)
ALONE = (*PIECES, "", "a\n", "\na", " a", "a ", "\n\n", "line: #\n" * 12_500)


def texts() -> list[str]:
    """Each piece alone, and some that are made of several; the same in each run."""
    chance = random.Random(12)
    made = ["".join(chance.choices(PIECES, k=chance.randint(2, 7))) for _ in range(60)]
    return [*ALONE, *made]


def carrying(text: str) -> Portable:
    """In each field that takes any text; what is shown on one line holds one."""
    line = "".join(one if is_line(one) else " " for one in text)
    short, name = line[:255], line[:120] or "x"
    basic = {"key": "orders-http-basic-authentication-1", "policy": "http-basic-authentication"}
    config = {"username": text, "list": [text, {"deep": text}], "of": {short or "x": text}}
    return Portable(
        asset=AssetPart(asset_id="orders", name=short or "x", api_version=text[:40] or "v1"),
        label="",
        description=text,
        tags=(short,),
        owners=(short,),
        consumer_endpoint=text[:200],
        tls_context="",
        upstreams=(
            UpstreamPart(key="orders-upstream-1", uri="http://one:1/v1", label=short),
            UpstreamPart(key="orders-upstream-2", uri="http://two:1/", label=short),
        ),
        routes=(
            RoutePart(
                label=short,
                path=text,
                host=text,
                headers={"x-a": text},
                targets=(TargetPart(upstream="orders-upstream-1"),),
            ),
        ),
        policies=(
            PolicyPart(**basic, label=short, config=config, secrets={"password": ""}, conditions=_rule(text)),
            PolicyPart(
                key="orders-cors-2",
                policy="cors",
                label=short,
                config=config,
                disabled=True,
                secrets={"a.b": ""},
            ),
        ),
        tiers=(TierPart(name=name, description=text[:20_000]),),
        alerts=({"name": text, "recipients": [text], "on": {"x": text}},),
        tests=({"name": short, "request": {"body": text, "headers": {"a": text}}},),
        muted=(MutedPart(code="a", place="api", reason=text[:500]),),
        document=DocumentPart(name=short, text=text),
    )


def _rule(text: str) -> tuple[dict[str, str], ...]:
    return ({"methodRegex": "GET", "uriTemplateRegex": text},) if text else ()


def test_hostile_texts_come_through_a_file() -> None:
    for text in texts():
        before = carrying(text)
        file = yaml_of(before)

        [after] = read(file.encode())

        assert after == before, repr(text[:80])
        assert yaml_of(after) == file, repr(text[:80])


@pytest.mark.django_db
def test_hostile_texts_come_through_an_import() -> None:
    place, line = make_place(), "".join(one for one in PIECES if one.isprintable())
    api = make_whole(place, label="eu", description="".join(PIECES))
    short = line[:200].strip()
    for rows in (api.policies, api.routes, api.upstreams):
        rows.update(label=short)
    make_tier(api, name=line[:120].strip(), description="".join(PIECES).strip())
    make_alert(api=api, name=line[-120:].strip())
    add_test(place.user, api, cases.read("{name: '&a #: !!str', expect: {status: 200}}")[0])
    terms.of_api(place.user, api, line)
    file = yaml_of_rows([api])
    [whole] = read(file.encode())
    there = make_environment(make_organization())
    make_gateway(there)

    made = make(make_actor(), WantedApi(there, filled(whole, portable_of(api, secrets=True)))).api

    assert yaml_of_rows([made]) == file
    assert (made.description, made.routes.all()[0].label) == (api.description, short)


@pytest.mark.parametrize("escape", [r"\0", r"a\x00b"])
def test_what_no_database_keeps_is_refused_at_its_place(escape: str) -> None:
    file = yaml_of(carrying("text"))

    with pytest.raises(BadFile) as bad:
        read(file.replace("description: text", f'description: "{escape}"').encode())

    [(line, message)] = bad.value.lines
    assert "spec.description: the text holds a NUL" in message and line > 1
