"""Templates show what Django's own nodes make of them, whatever is asked of whatever is there."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from itertools import product
from typing import Any, NamedTuple

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.template import Context, Engine, Template
from django.template.base import Template as DjangoTemplate
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe

from console.models import Environment, Organization
from console.rendering.loader import Loader, QuickTemplate

LIBRARIES = {"ui": "console.templatetags.ui", "humanize": "django.contrib.humanize.templatetags.humanize"}


class Pair(NamedTuple):
    one: str
    count: int = 3


class Missing(ObjectDoesNotExist):
    silent_variable_failure = True


class Level(Enum):
    LOW = "low"


class Chosen:
    do_not_call_in_templates = True
    label = "not called"

    def __call__(self) -> str:
        raise AssertionError


@dataclass
class Thing:
    name: str = "<b>Ann & Bob's</b>"
    number: int = 12345
    nothing: None = None
    pair: Pair = field(default_factory=lambda: Pair("first"))
    held: dict[str, Any] = field(
        default_factory=lambda: {"items": "kept", "a": {"b": 1.5}, "called": lambda: "x<y"}
    )
    listed: list[Any] = field(default_factory=lambda: ["zero", "one", Pair("two")])

    def method(self) -> Pair:
        return Pair("from <method>")

    def needs(self, more: str) -> str:
        return more

    def failing(self) -> str:
        raise ValueError("failed")

    def failing_by_type(self) -> str:
        return "1" + 1  # type: ignore[operator]

    def silent(self) -> str:
        raise Missing

    def delete(self) -> str:
        raise AssertionError

    delete.alters_data = True  # type: ignore[attr-defined]

    @property
    def broken(self) -> str:
        raise AttributeError("inside")

    @property
    def silently_broken(self) -> str:
        raise Missing


VALUES: dict[str, Any] = {
    "text": "a < b & 'c' \"d\"",
    "safe": mark_safe("<i>safe</i>"),
    "empty": "",
    "number": 1234567,
    "negative": -5,
    "share": 12.5,
    "huge": 1e22,
    "tiny": 1e-7,
    "endless": float("inf"),
    "unknown_number": float("nan"),
    "exact": Decimal("1234.50"),
    "yes": True,
    "none": None,
    "moment": datetime(2026, 12, 1, 10, 0, tzinfo=UTC),
    "day": date(2026, 12, 1),
    "thing": Thing(),
    "lazy": SimpleLazyObject(Thing),
    "lazy_text": SimpleLazyObject(lambda: "<lazy>"),
    "lazy_none": SimpleLazyObject(lambda: None),
    "pair": Pair("p<q"),
    "mapping": {"key": "v", "deep": {"er": [1, 2]}, "items": "an item"},
    "counted": defaultdict(int, {"known": 2}),
    "listed": [1, "two", Pair("three")],
    "nested": [[1, 2], [3]],
    "function": lambda: "called & <safe>",
    "level": Level.LOW,
    "levels": Level,
    "kind": Environment.Type,
    "chosen": Chosen(),
    "row": Environment(name="Prod <1>", organization=Organization(name="Acme & Co")),
    "raw": b"bytes",
}
LOOKUPS = (
    *VALUES,
    *(
        f"thing.{name}"
        for name in ("name", "number", "nothing", "pair.one", "pair.0", "held.items", "held.a.b")
    ),
    *(
        f"thing.{name}"
        for name in ("held.called", "listed.0", "listed.2.one", "listed.9", "method", "method.one")
    ),
    *(
        f"thing.{name}"
        for name in ("needs", "silent", "silent.more", "delete", "delete.more", "absent", "absent.more")
    ),
    *(
        "lazy.name",
        "lazy.pair.count",
        "lazy.absent",
        "lazy_none.more",
        "lazy_text.upper",
        "nothing_at_all",
        "a.b.c",
    ),
    *(
        "mapping.key",
        "mapping.items",
        "mapping.absent",
        "mapping.deep.er.1",
        "mapping.deep.items",
        "mapping.keys",
    ),
    *(
        "counted.known",
        "counted.unknown",
        "pair.one.upper",
        "pair._fields",
        "listed.2.count",
        "level.value",
        "level.name",
    ),
    *(
        "levels.LOW.value",
        "kind.PRODUCTION.label",
        "chosen.label",
        "row.name",
        "row.organization.name",
        "row.organization",
    ),
    *(
        "row.get_type_display",
        "text.upper",
        "text.nothing",
        "number.bit_length",
        "none.x",
        "True",
        "None.x",
        "raw.decode",
    ),
    *("thing.silently_broken", "dicts", "autoescape", "render_context"),
)
ENDINGS = (
    "",
    '|default:"–"',
    "|default_if_none:none",
    "|length",
    "|upper",
    "|safe",
    "|truncatechars:3",
    '|add:"1"',
)
ENDINGS = (*ENDINGS, "|date:'Y'", "|floatformat:2", "|join:', '", "|default:thing.name|lower", "|yesno:'a,b'")
CONDITIONS = ("{}", "not {}", "{} and thing", "empty or {}", "{} == number", "{} != 'zero'", "{} in listed")
CONDITIONS = (
    *CONDITIONS,
    "'a' in {}",
    "{} not in mapping",
    "{} > 3",
    "3 <= {}",
    "{} is none",
    "{} is not yes",
)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(libraries=LIBRARIES)


def shown(kind: type[Template], source: str, engine: Engine) -> tuple[str, str]:
    """What it shows, or how it fails."""
    try:
        return "", str(kind(source, engine=engine).render(Context(VALUES)))
    except Exception as error:
        return f"{type(error).__name__}: {error}", ""


def told(name: str) -> str:
    return name if not name.startswith("pair._") else "pair.count"


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_value_is_shown_as_django_shows_it(engine: Engine, ending: str) -> None:
    for name in map(told, LOOKUPS):
        for source in ("{{{{ {} }}}}", "{{% autoescape off %}}{{{{ {} }}}}{{% endautoescape %}}"):
            text = source.format(name + ending)
            assert shown(QuickTemplate, text, engine) == shown(DjangoTemplate, text, engine), text


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_is_met_as_django_has_it(engine: Engine, condition: str) -> None:
    for name, ending in product(map(told, LOOKUPS), ("", "|default:none", "|length")):
        asked = condition.format(name + ending)
        text = f"{{% if {asked} %}}met{{% elif thing.number %}}<{{{{ text }}}}>{{% else %}}not{{% endif %}}"
        assert shown(QuickTemplate, text, engine) == shown(DjangoTemplate, text, engine), text


@pytest.mark.parametrize(
    "text",
    [
        "{% for one in listed %}{{ forloop.counter }}{% if not forloop.last %}, {% endif %}{% endfor %}",
        "{% for one, two in mapping.items %}{{ one }}{% endfor %}",
        "{% for one in thing.absent %}{{ one }}{% empty %}none{% endfor %}",
        "{% for row in nested %}{% for one in row %}{{ forloop.parentloop.last }}{% endfor %}{% endfor %}",
        "{% with named=thing.name other=thing.absent %}{{ named }}{{ other }}{{ thing.name }}{% endwith %}",
        "{% load ui %}{% status thing.name tone=thing.absent title=text %}{{ number|compact }}",
        "{% load humanize %}{{ number|intcomma }}{{ share|intcomma }}",
        "{% firstof thing.absent empty thing.name %}{% filter upper %}{{ text }}{% endfilter %}",
        "{{ 5 }}{{ 2.50 }}{{ 'text' }}{{ _('Yes') }}{{ -1|add:2 }}",
        "{% if a.b.c|default:thing.absent %}met{% endif %}{{ text|default:nothing_at_all }}",
        "{{ thing.failing }}",
        "{{ thing.failing_by_type }}",
        "{{ thing.broken }}",
        "{% if thing.failing %}met{% endif %}",
        "{% if thing.failing == 1 %}met{% else %}not{% endif %}",
        "{{ thing|nothing }}",
        "{% if thing === 1 %}{% endif %}",
    ],
)
def test_the_rest_is_as_django_has_it(engine: Engine, text: str) -> None:
    assert shown(QuickTemplate, text, engine) == shown(DjangoTemplate, text, engine)


def test_what_fails_is_not_done_twice(engine: Engine) -> None:
    calls = []

    def failing() -> None:
        calls.append(1)
        raise ValueError

    with pytest.raises(ValueError):
        QuickTemplate("{{ one.failing }}", engine=engine).render(Context({"one": {"failing": failing}}))

    assert calls == [1]


def test_templates_of_pages_are_read_so() -> None:
    engine = Engine.get_default()

    assert isinstance(engine.template_loaders[0], Loader)
    assert isinstance(engine.get_template("base.html"), QuickTemplate)
