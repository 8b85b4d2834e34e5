"""Addresses are what Django's `reverse` makes of them."""

import uuid

import pytest
from django.template import Context, Template
from django.urls import NoReverseMatch, get_resolver, reverse, set_script_prefix

from console import links
from console.links import link

KINDS = {"IntConverter": 12, "UUIDConverter": uuid.UUID(int=7), "StringConverter": "a b/ü?%"}


def test_every_address_of_the_console_is_the_same_with_whatever_stands_in_it() -> None:
    tried = 0
    for name in {one for one in get_resolver().reverse_dict if isinstance(one, str)}:
        for found, pattern, _, converters in get_resolver().reverse_dict.getlist(name):
            args = [KINDS.get(type(one).__name__, "x") for one in converters.values()]
            try:
                wanted = reverse(name, args=args)
            except NoReverseMatch:
                continue
            assert [link(name, args), link(name, args)] == [wanted, wanted], (name, found, pattern)
            tried += 1
    assert tried > 200
    assert link("api", [3]) == "/apis/3" and link("api", [44]) == "/apis/44"


def test_what_no_address_takes_is_refused_as_django_does() -> None:
    for name, args in (("nowhere", [1]), ("api", [-1]), ("api", ["x"]), ("api", [True]), ("api", [])):
        with pytest.raises(NoReverseMatch):
            link(name, args)


def test_a_console_below_a_path_has_addresses_below_it() -> None:
    assert link("api", [3]) == "/apis/3"
    set_script_prefix("/below/")
    try:
        assert link("api", [3]) == reverse("api", args=[3]) == "/below/apis/3"
    finally:
        set_script_prefix("/")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("{% url 'api' pk %}", "/apis/5"),
        ("{% url 'api' pk as one %}[{{ one }}]", "[/apis/5]"),
        ("{% url 'nowhere' pk as one %}[{{ one }}]", "[]"),
        ("{% url 'admin:index' %}", "/admin/"),
    ],
)
def test_the_tag_says_what_djangos_says(text: str, shown: str) -> None:
    assert Template(text).render(Context({"pk": 5})) == shown


def test_few_patterns_are_kept_however_many_addresses_are_asked_for() -> None:
    link("api", [1])
    before = len(links._known)

    for pk in range(1000):
        link("api", [pk])
    assert len(links._known) == before

    for word in range(links.KEPT + 10):
        assert link("automated_policy_new", [f"policy-{word}"]) == f"/apis/automated/add/policy-{word}"
    assert len(links._known) <= links.KEPT
