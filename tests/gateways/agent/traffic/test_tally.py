import re
from collections import Counter

import orjson
import pytest

from gateways.agent.traffic.labels import RESOURCES_PER_API, SERVICES_PER_API, Labels, NativeRefusal
from gateways.agent.traffic.tally import _BUCKETS, Tally
from gateways.protocol.histogram import bucket
from gateways.protocol.messages import TrafficBatch
from gateways.protocol.resource_paths import OTHER, template
from tests.gateways.agent.traffic.log_lines import START, line

NATIVE = NativeRefusal(
    "ip-allowlist", re.compile(r"^rbac_access_denied"), "address: {address} is not in the list, after {time}"
)


def tallied(*lines: bytes, labels: Labels | None = None, samples: int = 100) -> TrafficBatch:
    tally = Tally(labels or Labels(), samples)
    for one in lines:
        tally.add(one)
    return tally.batch("replica", "1", 0, 1)


def test_lines_are_counted_by_window_and_labels() -> None:
    batch = tallied(line(), line(START + 9.9), line(START + 10), line(status=500))

    counts = {(count.time, count.status): count.requests for count in batch.counts}
    assert counts == {(START, 200): 2, (START + 10, 200): 1, (START, 500): 1}
    assert batch.counts[0].namespace == "sandbox"
    assert (batch.counts[0].api, batch.counts[0].route) == ("apii-1", "main")
    assert sum(batch.counts[0].total.values()) == 2


def test_an_answer_that_was_not_sent_to_its_end_took_no_time_that_is_known() -> None:
    batch = tallied(line(total="-", flags="UC"), line(total="-", status=0, flags="DC"))

    assert sum(count.requests for count in batch.counts) == 2
    assert [dict(one.total) for one in (*batch.counts, *batch.resources)] == [{}, {}, {}]


def test_a_route_label_may_hold_slashes() -> None:
    batch = tallied(line(route="sandbox/apii-1/a/b"))

    assert (batch.counts[0].api, batch.counts[0].route) == ("apii-1", "a/b")


def test_lines_of_no_api_are_passed_over() -> None:
    batch = tallied(line(route=None, status=400))

    assert batch.counts == ()
    assert batch.shed == {}


def test_malformed_lines_are_shed_and_counted() -> None:
    half = line()[: len(line()) // 2] + line()

    batch = tallied(b"nonsense\n", b"\n", b"\x1f" * 8 + b"\n", half, line("never"), line("-"), line())

    assert batch.shed == {"malformed": 6}
    assert sum(count.requests for count in batch.counts) == 1


def test_a_method_of_the_callers_own_making_is_other() -> None:
    batch = tallied(*(line(method=f"BREW{number}") for number in range(20)))

    assert {count.method for count in batch.counts} == {"OTHER"}


def test_the_refusing_policy_comes_from_the_metadata_or_the_details() -> None:
    labels = Labels([NATIVE])

    batch = tallied(
        line(status=429, policy="rate-limiting", details="lua_response"),
        line(status=403, details="rbac_access_denied_matched_policy[none]"),
        line(status=403),
        labels=labels,
    )

    assert sorted(count.policy for count in batch.counts) == ["", "ip-allowlist", "rate-limiting"]


def test_a_refusal_has_its_check_and_its_reason() -> None:
    batch = tallied(
        line(status=429, policy="rate-limiting quota", details="lua_response", reason="quota: 5 are used up"),
        line(status=403, details="rbac_access_denied_matched_policy[none]"),
        line(),
        labels=Labels([NATIVE]),
    )

    assert {(count.policy, count.policy_check) for count in batch.counts} == {
        ("rate-limiting", "quota"),
        ("ip-allowlist", "address"),
        ("", ""),
    }
    assert {sample.reason for sample in batch.samples} == {
        "quota: 5 are used up",
        "address: 127.0.0.1 is not in the list, after 2 ms",
        "",
    }


def test_what_was_observed_is_counted_by_its_binding() -> None:
    both = "limit-1\tquota: 5 are used up\tips-2\taddress: 127.0.0.1 is not in the list\t"

    batch = tallied(line(observed=both), line(observed=both[:60]), line())

    assert {(one.binding, one.requests) for one in batch.observed} == {("limit-1", 2), ("ips-2", 1)}
    assert max(sample.observed for sample in batch.samples) == (
        "limit-1: quota: 5 are used up; ips-2: address: 127.0.0.1 is not in the list"
    )


def test_lines_of_releases_before_are_counted() -> None:
    values = line().rstrip(b"\n").split(b"\x1f")
    key, rest = values[1].split(b"\t"), values[-1].split(b"\t")
    before = [*values[:-4], values[-1]]
    without_held = [*values[:-5], values[-1]]
    first = [*values[:-5], b"\t".join([key[6], *rest[2:]])]
    first[1] = b"\t".join(key[:6])

    batch = tallied(*(b"\x1f".join(one) + b"\n" for one in (before, without_held, first)))

    assert sum(count.requests for count in batch.counts) == 3
    assert {(sample.protocol, sample.user_agent) for sample in batch.samples} == {("HTTP/1.1", "curl/8")}
    assert not batch.shed


def test_ids_in_paths_become_one_resource() -> None:
    assert template("/orders/4711/items/0b8b2c1e-3c4d-4c4f-9b52-1c1d8b2c1e11") == "/orders/{id}/items/{id}"
    assert template("/v2/customers/me") == "/v2/customers/me"
    assert template("/") == "/"


@pytest.mark.parametrize(
    ("logged", "details", "path"),
    [
        ("/v1/items", "via_upstream", "/orders/items"),
        ("/v1/", "upstream_reset_before_response_started{connection_failure}", "/orders/"),
        ("/v1/orders/7", "downstream_remote_disconnect", "/orders/orders/7"),
        ("/orders/items", "lua_response", "/orders/items"),
        ("/orders", "rbac_access_denied", "/orders"),
        ("/elsewhere", "via_upstream", "/elsewhere"),
    ],
)
def test_the_clients_path_is_told_from_the_one_sent_on(logged: str, details: str, path: str) -> None:
    batch = tallied(line(removed="/orders", put="/v1", path=logged, details=details))

    assert [sample.path for sample in batch.samples] == [path]
    assert [count.resource for count in batch.resources] == [template(path)]


def test_a_path_that_was_sent_on_is_rewritten_even_if_it_looks_like_a_clients() -> None:
    batch = tallied(
        line(removed="/orders", path="/orders/x"), line(removed="/orders", path="/orders/x", details="-")
    )

    assert [sample.path for sample in batch.samples] == ["/orders/orders/x", "/orders/x"]


def test_a_noted_path_is_the_clients() -> None:
    batch = tallied(line(path="/sent/on", noted="/as/asked"), line(path="/sent/on", noted="/otherwise"))

    assert {count.resource for count in batch.resources} == {"/as/asked", "/otherwise"}
    assert [sample.path for sample in batch.samples] == ["/as/asked", "/otherwise"]


def test_a_line_with_a_wrong_number_is_counted_nowhere() -> None:
    batch = tallied(line(received="many"), line(total="long"), line(upstream="late"))

    assert (batch.counts, batch.resources, batch.shed) == ((), (), {"malformed": 3})


def test_resources_are_bounded_for_each_api() -> None:
    letters = [f"/{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(200)]

    batch = tallied(*(line(path=path) for path in letters), line(route="sandbox/apii-2/main", path="/zz"))

    mine = {count.resource for count in batch.resources if count.api == "apii-1"}
    assert len(mine) == RESOURCES_PER_API + 1
    assert sum(count.requests for count in batch.resources) == 201
    assert [count.resource for count in batch.resources if count.api == "apii-2"] == ["/zz"]


def test_a_scanner_makes_no_resources() -> None:
    batch = tallied(
        line(path="/.env", status=404), line(path="/wp-admin", status=404, route="sandbox/apii-1/none")
    )

    assert {count.resource for count in batch.resources} == {OTHER}


def test_failed_requests_are_sampled_first() -> None:
    fine = [line(path="/fine") for _ in range(50)]

    batch = tallied(
        *fine, line(path="/bad", status=503), line(path="/refused", status=401, policy="basic"), samples=5
    )

    assert [sample.path for sample in batch.samples][:2] == ["/bad", "/refused"]
    assert len(batch.samples) == 5


def test_text_that_the_console_cannot_hold_is_taken_out() -> None:
    batch = tallied(line(agent="a\\u0000b", path="/\0x"))

    assert b"\\u0000" not in batch.model_dump_json().encode()
    assert batch.samples[0].user_agent == "ab"


def test_a_batch_is_read_back_as_it_was() -> None:
    batch = tallied(line(), line(upstream="-", status=0, total="-", path="-"), line(sent=2**40))

    raw = batch.model_dump_json(by_alias=True)

    assert TrafficBatch.model_validate_json(raw) == batch
    assert "sentBytes" in orjson.loads(raw)["counts"][0]


def test_lines_are_counted_by_the_upstream_that_was_asked() -> None:
    to_v1, to_v2 = "v1.sandbox.svc-0a1b2c3d", "v2.sandbox.svc-0a1b2c3d"

    batch = tallied(
        *[line(cluster=to_v1)] * 3,
        line(cluster=to_v2),
        line(cluster=to_v2, status=503, details="no_healthy_upstream", flags="UH"),
        line(cluster=to_v2, status=0, details="downstream_remote_disconnect", flags="DC"),
        line(cluster=to_v2, status=0, details="http2.remote_reset", flags="DR"),
        line(cluster=to_v1, status=429, policy="rate-limiting", details="lua_response"),
        line(cluster=to_v1, details="cache.response_from_cache_filter"),
        line(cluster="v1.elsewhere.svc-0a1b2c3d"),
        line(cluster=None),
    )

    assert Counter({one: total(batch, one) for one in ("v1", "v2", "")}) == {"v1": 3, "v2": 4, "": 4}
    assert {one.service for one in batch.samples} == {"v1", "v2", ""}
    assert all(not one.service for one in batch.without_services().counts)


def total(batch: TrafficBatch, service: str) -> int:
    return sum(count.requests for count in batch.counts if count.service == service)


def test_upstreams_of_an_api_are_bounded() -> None:
    labels = Labels()

    batch = tallied(*(line(cluster=f"v{one}.sandbox.svc-0") for one in range(120)), labels=labels)

    assert len({count.service for count in batch.counts}) == SERVICES_PER_API + 1
    assert total(batch, OTHER) == 120 - SERVICES_PER_API


def test_short_latencies_lie_in_the_bucket_that_the_histogram_says() -> None:
    assert list(_BUCKETS) == [bucket(microseconds) for microseconds in range(len(_BUCKETS))]
