"""The choices of a select."""

import pytest
from django.template import Context, Template

PAGE = Template("{% options some chosen %}")


@pytest.mark.parametrize(
    ("some", "shown"),
    [
        ([], ""),
        ([("a", "A")], '<option value="a">A</option>'),
        (
            [("b&", "<B>"), ("a\"'", "A & co"), (3, 4)],
            '<option value="b&amp;" selected>&lt;B&gt;</option>'
            '<option value="a&quot;&#x27;">A &amp; co</option><option value="3">4</option>',
        ),
        (
            [("a\0<", "\0"), ("b&", "")],
            '<option value="a\0&lt;">\0</option><option value="b&amp;" selected></option>',
        ),
    ],
)
def test_what_stands_in_them_is_escaped(some: list[tuple[object, object]], shown: str) -> None:
    assert PAGE.render(Context({"some": some, "chosen": "b&"})) == shown
