"""What a hostile document may cost: little, wherever it is read."""

import random
import resource
import time
from contextlib import suppress

import pytest

from apis.documents.openapi.check import read as read_here
from apis.documents.openapi.fault import DocumentFault
from apis.documents.openapi.process import Unwanted, read

HEAD = "openapi: 3.0.3\ninfo: {title: T, version: v}\npaths: {}\n"
MERGES = "a0: &a0 {" + ",".join(f"k{at}: 1" for at in range(8)) + "}\n"
MERGES += "".join(
    f"a{at}: &a{at} {{<<: [{','.join([f'*a{at - 1}'] * 8)}]}}\n" for at in range(1, 12)
)  # fmt: skip
ALIASES = "a: &a [1,1]\n" + "".join(
    f"{after}: &{after} [{','.join(['*' + before] * 9)}]\n" for before, after in zip("abcdefghij", "bcdefghijk", strict=True)
)  # fmt: skip

SEEN_TO_STOP_A_CONSOLE = {
    "backtracking pattern": HEAD
    + "components: {schemas: {A: {type: string, pattern: '^(a+)+$', default: '"
    + "a" * 60
    + "!'}}}",
    "merges": MERGES,
    "aliases": ALIASES,
    "alias of itself": "a: &a [*a]",
    "merge of itself": "a: &a {<<: *a}",
    "one long key over a long list": HEAD + f"x-{'k' * 900}: [" + ",".join(["{}"] * 50_000) + "]",
    "a long key in JSON": '{"' + "k" * 60_000 + '": [' + ",".join(["{}"] * 50_000) + "]}",
    "aliases of one long string": HEAD + f"x-a: &a '{'k' * 56_000}'\nx-b: [" + ",".join(["*a"] * 15_000) + "]",
    "deep YAML": "a: " + "[" * 500_000,
    "deep JSON": '{"a":' * 500_000,
    "deep blocks": "".join(" " * at + "a:\n" for at in range(2000)),
    "deep by aliases": HEAD
    + "x0: &x0 [1]\n"
    + "".join(f"x{at}: &x{at} {'[' * 20}*x{at - 1}{']' * 20}\n" for at in range(1, 12)),
    "a number in base 60": HEAD + "x-a: 1" + ":1" * 500_000,
    "a number without end": HEAD + "x-a: " + "1" * 1_000_000,
    "a JSON number without end": '{"openapi": ' + "1" * 1_000_000 + "}",
    "an exponent": HEAD + "x-a: 1e99999999999999999",
    "a ring of references": HEAD
    + "components: {schemas: {A: {$ref: '#/components/schemas/B/x'}, B: {$ref: '#/components/schemas/A/x'}}}",
    "a ring of paths": HEAD.replace("{}", "{/a: {$ref: '#/paths/~1b'}, /b: {$ref: '#/paths/~1a'}}"),
    "many references down a long way": HEAD
    + "components: {schemas: {"
    + ",".join(f"A{at}: {{$ref: '#/{'components/' * 20}x'}}" for at in range(5000))
    + "}}",
    "many path parameters": HEAD.replace("{}", "{'/" + "{a}" * 160 + "': {get: {responses: {200: {description: d}}}}}"),
    "tags without end": "%TAG ! tag:x,2000:\n" * 3 + "a: !" + "x" * 1_000_000 + " 1",
    "comments": "#" * 5_000_000,
    "NULs": "\0" * 1000,
    "half a pair of surrogates": '{"openapi": "\\ud800"}',
}  # fmt: skip


@pytest.mark.parametrize("text", SEEN_TO_STOP_A_CONSOLE.values(), ids=SEEN_TO_STOP_A_CONSOLE.keys())
def test_a_hostile_document_costs_little(text: str) -> None:
    began, memory = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    try:
        read_here(text)
    except DocumentFault as fault:
        assert str(fault)

    assert time.process_time() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 200 * 1024


PIECES = (
    "{", "}", "[", "]", ":", ": ", "\n", "- ", "*i", "&i ", "<<", "$ref", "'", '"', "\0", "!", "!!str ", "#", "1", "null",
    "\ud7ff", "%", "?", "|", ">", "~", "/", "x-a", "get", "paths", "openapi", " ", "3.2.0", "-1", "true", ",",
)  # fmt: skip
"""Of which a document is made, and some that belong in none."""


def test_whatever_the_text_is_the_answer_is_a_document_or_a_fault() -> None:
    """A few thousand small changes of a document, for seconds at most."""
    chance = random.Random(8)
    base = (
        "openapi: 3.1.0\ninfo: &i {title: T, version: 1.0}\nservers: [{url: 'https://{a}/', variables: {a: {default: b}}}]\n"
        "paths: {/a/{b}: &p {$ref: '#/components/pathItems/P'}, /c: {<<: *p, get: {responses: {200: {$ref: '#/x'}}}}}\n"
        "components: {pathItems: {P: {post: {tags: [t], responses: {200: {description: d}}}}}, schemas: {A: {$id: x, $anchor: y, $ref: '#y'}}}\n"
    )  # fmt: skip
    limit = time.monotonic() + 10
    for _ in range(3000):
        text = base
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(text))
            text = text[:at] + chance.choice(PIECES) + text[at + chance.randint(0, 6) :]
        with suppress(DocumentFault):
            read_here(text)
        if time.monotonic() > limit:
            break


def test_a_process_of_its_own_reads() -> None:
    found = read(HEAD)

    assert (found["title"], found["operations"]) == ("T", [])


def test_a_process_that_takes_too_long_is_ended() -> None:
    found = read(HEAD, child=("-c", "while True: pass"), wall_seconds=0.2)

    assert "takes longer than 0.2 s" in found["fault"]["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [("while True: pass", "of computing"), ("b'x' * 10**10", "memory"), ("import os; os.abort()", "memory")],
)
def test_a_process_that_takes_too_much_is_ended(body: str, words: str) -> None:
    limited = "from apis.documents.openapi import child, limits; limits.CPU_SECONDS = 1; child.limit()"
    program = f"exec('{limited}\\n{body}')" if "while" in body else f"{limited}; {body}"

    found = read(HEAD, child=("-c", program))

    assert words in found["fault"]["message"]


def test_a_reader_that_breaks_blames_nobodys_memory(caplog: pytest.LogCaptureFixture) -> None:
    found = read(HEAD, child=("-c", "raise KeyError('seldom')"))

    assert "no fault of the document" in found["fault"]["message"]
    assert "KeyError: 'seldom'" in caplog.text


def test_a_process_that_nobody_waits_for_is_ended() -> None:
    with pytest.raises(Unwanted):
        read(HEAD, is_wanted=lambda: False, child=("-c", "while True: pass"))


def test_the_reader_is_given_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWRIGHT_SECRET_KEY", "hidden")

    found = read("", child=("-c", "import json, os; print(json.dumps(dict(os.environ)))"))

    assert not any(name.startswith(("GATEWRIGHT", "DATABASE", "REDIS")) for name in found)
