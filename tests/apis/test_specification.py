"""Which files pass for an OpenAPI document."""

import pytest
from django.core.exceptions import ValidationError

from apis import specification

GOOD = """
openapi: 3.0.3
info: {title: Orders, version: "1.2"}
paths:
  /orders:
    get: {responses: {"200": {description: ok}}}
"""


def test_a_good_document_tells_its_title() -> None:
    found = specification.check(GOOD)

    assert (found.title, found.version, found.operations) == ("Orders", "1.2", 1)


def test_json_passes_too() -> None:
    assert (
        specification.check('{"openapi":"3.1.0","info":{"title":"T","version":"1"},"paths":{}}').title == "T"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no fields"),
        ("hello", "holds no fields"),
        ("{", "neither JSON nor YAML"),
        ("a: [", "neither JSON nor YAML"),
        ("#%RAML 1.0\ntitle: x", 'needs "openapi: 3.0.x"'),
        ("openapi: 3.0.0", "not an OpenAPI document"),
        (GOOD.replace("paths", "pathz"), "not an OpenAPI document"),
        (GOOD.replace("{description: ok}", "{$ref: 'http://10.0.0.1/x.yaml'}"), "points outside the file"),
        (GOOD.replace("{description: ok}", "{$ref: '/etc/passwd'}"), "points outside the file"),
        (GOOD.replace("{description: ok}", "{$ref: '#/components/no'}"), "not an OpenAPI document"),
        (GOOD.replace('"200"', "200").replace("description: ok", "descr: 1"), "not an OpenAPI document"),
        ("a: &a [1,1]\nb: &b [*a,*a]\n" + "x: " + "[" * 50 + "]" * 50, "needs"),
        ("a: &a [*a]\nopenapi: 3.0.0", "more than"),
        ("!!python/object/apply:os.system [ls]", "neither JSON nor YAML"),
    ],
)
def test_what_is_not_one_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        specification.check(text)

    assert words in refused.value.messages[0]
