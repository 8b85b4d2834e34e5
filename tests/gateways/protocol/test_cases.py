"""Tests as data: what is taken, what is not and why, and what is compared."""

import pytest

from gateways.protocol import cases
from gateways.protocol.rehearsal import Answer, Decision, Sent, Verdict

ONE = """
- name: a
  method: POST
  target: /42
  headers: {authorization: Basic x, x: [a, b]}
  answers: {status: 201, body: made}
  expect: {status: 201, answer: {x-a: null, set-cookie: [a, b]}}
- name: b
  order:
  - {times: 2, expect: {outcome: upstream}}
  - {expect: {refused: rate-limiting}}
"""


def test_what_is_written_reads_the_same() -> None:
    known = cases.read(ONE)

    assert cases.read(cases.written(known)) == known
    assert known[0].steps[0].request("/orders", 8081).target == "/orders/42"
    assert known[0].steps[0].request("/", 8081).target == "/42"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "write a list of tests"),
        ("a", "write a list of tests"),
        ("- name: a", "[0].expect: is missing"),
        ("- {name: a, expect: {}}", "say what is expected"),
        ("- {name: a, expect: {status: 1}}", "[0].expect.status"),
        ("- {name: a, target: 'x y', expect: {status: 200}}", "[0].target"),
        ("- {name: a, nothing: 1, expect: {status: 200}}", "[0].nothing: there is no such field"),
        ("- {name: a, order: []}", "give a request, or an order"),
        ("[{name: a, expect: {status: 200}}, {name: a, expect: {status: 200}}]", 'two tests are called "a"'),
        ("- {name: a, from: nowhere, expect: {status: 200}}", "[0].from"),
        ("- &a {name: a, expect: {status: 200}}\n- *a", "aliases"),
        ("- {name: a, body: '" + "x" * 70_000 + "', expect: {status: 200}}", "larger than 64 KB"),
        ("[" * 100_000, ""),
        ("x: " * 100_000, "longer than 256 KB"),
    ],
)
def test_what_is_no_test_says_why(text: str, said: str) -> None:
    with pytest.raises(cases.NoCases) as told:
        cases.read(text)

    assert said in str(told.value)


VERDICT = Verdict(
    outcome="refused",
    reason="it was refused",
    policies=(Decision(policy="rate-limiting", title="", binding="b", decision="refused"),),
    sent=Sent(upstream="u", method="GET", target="/v2/1", headers=(("x-a", "1"), ("x-a", "2"))),
    answer=Answer(status=429, body='{"error": "Too many."}', headers=(("x-b", "c"),)),
)


@pytest.mark.parametrize(
    ("expect", "what"),
    [
        ({"outcome": "refused", "status": 429, "refused": "rate-limiting", "error": "Too many."}, None),
        ({"path": "/v2/1", "sent": {"X-A": ["1", "2"], "x-c": None}, "answer": {"X-B": "c"}}, None),
        ({"bodyContains": "many"}, None),
        ({"outcome": "upstream"}, "outcome"),
        ({"status": 200}, "status"),
        ({"refused": "cors"}, "refused"),
        ({"error": "other"}, "error"),
        ({"path": "/"}, "path"),
        ({"sent": {"x-a": "1"}}, "header x-a of what is sent"),
        ({"answer": {"x-b": None}}, "header x-b of the answer"),
        ({"body": "other"}, "body"),
        ({"bodyContains": "other"}, "body"),
    ],
)
def test_each_part_of_what_is_expected_counts(expect: dict[str, object], what: str | None) -> None:
    found = cases.differences(cases.Expect.model_validate(expect), VERDICT)

    assert [one.what for one in found] == ([what] if what else [])
