"""Schemas of GraphQL as people write them: what is none is refused in words, and none costs much."""

import time

import pytest

from policies.graphql import sdl


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "describe what can be asked for"),
        ("type Query { a: Ghost }", "Query.a: there is no type Ghost"),
        ("type Query { a: Int } type Query { b: Int }", "described twice"),
        ("type Query {\n a Int }", 'line 2: ":" is wanted before "Int"'),
        ('"""x', "line 1: a description has no end"),
        ("type Query { a: " + "[" * 50 + "Int", "levels"),
        ("query { a }", "begins nothing"),
    ],
)
def test_a_schema_that_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(sdl.Wrong, match=words):
        sdl.read(text)


def test_a_schema_is_made_a_table_in_its_own_size() -> None:
    """Interfaces by types, and long names by interfaces, would make much of little."""
    interfaces = " ".join(f"interface I{at}{{a:Int}}" for at in range(1400))
    all_of = "&".join(f"I{at}" for at in range(60))
    types = " ".join(f"type T{at} implements {all_of}{{a:Int}}" for at in range(1400))

    began = time.process_time()
    made = sdl.read(f"type Query{{a:Int}} {interfaces} {types}").table

    assert len(made["types"]["I0"]["possible"]) == 1400
    assert time.process_time() - began < 10
    with pytest.raises(sdl.Wrong, match="255 characters"):
        sdl.read(f"type Query{{a:Int}} type {'A' * 256}{{a:Int}}")
