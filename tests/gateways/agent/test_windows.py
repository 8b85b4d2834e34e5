import re

import orjson

from gateways.agent.protocol import TrafficBatch
from gateways.agent.windows import OTHER_RESOURCE, RESOURCES_PER_API, Labels, Tally, template
from tests.gateways.agent.log_lines import START, line


def tallied(*lines: bytes, labels: Labels | None = None, samples: int = 100) -> TrafficBatch:
    tally = Tally(labels or Labels(), samples)
    for one in lines:
        tally.add(one)
    return tally.batch("replica", "1", 0, 1)


def test_lines_are_counted_by_window_and_labels() -> None:
    batch = tallied(line(), line(START + 9.9), line(START + 10), line(s=500))

    counts = {(count.time, count.status): count.requests for count in batch.counts}
    assert counts == {(START, 200): 2, (START + 10, 200): 1, (START, 500): 1}
    assert batch.counts[0].namespace == "sandbox"
    assert (batch.counts[0].api, batch.counts[0].route) == ("apii-1", "main")
    assert sum(batch.counts[0].total.values()) == 2


def test_a_route_label_may_hold_slashes() -> None:
    batch = tallied(line(r="sandbox/apii-1/a/b"))

    assert (batch.counts[0].api, batch.counts[0].route) == ("apii-1", "a/b")


def test_lines_of_no_api_are_passed_over() -> None:
    batch = tallied(line(r=None, s=400))

    assert batch.counts == ()
    assert batch.shed == {}


def test_malformed_lines_are_shed_and_counted() -> None:
    half = line()[: len(line()) // 2] + line()

    batch = tallied(b"nonsense\n", b"{}\n", b"[1]\n", half, line(t="never"), line(t=None), line())

    assert batch.shed == {"malformed": 6}
    assert sum(count.requests for count in batch.counts) == 1


def test_a_method_of_the_callers_own_making_is_other() -> None:
    batch = tallied(*(line(m=f"BREW{number}") for number in range(20)))

    assert {count.method for count in batch.counts} == {"OTHER"}


def test_the_refusing_policy_comes_from_the_metadata_or_the_details() -> None:
    labels = Labels([("ip-allowlist", re.compile(r"^rbac_access_denied"))])

    batch = tallied(
        line(s=429, y="rate-limiting", e="lua_response"),
        line(s=403, e="rbac_access_denied_matched_policy[none]"),
        line(s=403, e="via_upstream"),
        labels=labels,
    )

    assert sorted(count.policy for count in batch.counts) == ["", "ip-allowlist", "rate-limiting"]


def test_ids_in_paths_become_one_resource() -> None:
    assert template("/orders/4711/items/0b8b2c1e-3c4d-4c4f-9b52-1c1d8b2c1e11") == "/orders/{id}/items/{id}"
    assert template("/v2/customers/me") == "/v2/customers/me"
    assert template("/") == "/"


def test_resources_are_bounded_for_each_api() -> None:
    letters = [f"/{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(200)]

    batch = tallied(*(line(p=path) for path in letters), line(r="sandbox/apii-2/main", p="/zz"))

    mine = {count.resource for count in batch.resources if count.api == "apii-1"}
    assert len(mine) == RESOURCES_PER_API + 1
    assert sum(count.requests for count in batch.resources) == 201
    assert [count.resource for count in batch.resources if count.api == "apii-2"] == ["/zz"]


def test_a_scanner_makes_no_resources() -> None:
    batch = tallied(line(p="/.env", s=404), line(p="/wp-admin", s=404, r="sandbox/apii-1/none"))

    assert {count.resource for count in batch.resources} == {OTHER_RESOURCE}


def test_failed_requests_are_sampled_first() -> None:
    fine = [line(p="/fine") for _ in range(50)]

    batch = tallied(*fine, line(p="/bad", s=503), line(p="/refused", s=401, y="basic"), samples=5)

    assert [sample.path for sample in batch.samples][:2] == ["/bad", "/refused"]
    assert len(batch.samples) == 5


def test_text_that_the_console_cannot_hold_is_taken_out() -> None:
    batch = tallied(line(g="a\\u0000b", p="/\0x"))

    assert b"\\u0000" not in batch.model_dump_json().encode()
    assert batch.samples[0].user_agent == "ab"


def test_a_batch_is_read_back_as_it_was() -> None:
    batch = tallied(line(), line(u=None, s=0, d=None, p=None), line(o=2**40))

    raw = batch.model_dump_json(by_alias=True)

    assert TrafficBatch.model_validate_json(raw) == batch
    assert "sentBytes" in orjson.loads(raw)["counts"][0]
