import pytest

from gateways.agent.traffic import failures
from gateways.agent.traffic.failures import NONE, Failure, failure
from gateways.agent.xds import retries
from gateways.protocol.messages import TrafficBatch
from tests.gateways.agent.traffic.log_lines import line
from tests.gateways.agent.traffic.test_tally import tallied

BEFORE = "upstream_reset_before_response_started{%s}"
AFTER = "upstream_reset_after_response_started{%s}"
TLS = BEFORE % "remote_connection_failure|TLS_error:|268435581:SSL_routines:OPENSSL_internal:%s:TLS_error_end"
CHAIN = "CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_X509_verify_cert:_certificate_verification_error:_%s"


@pytest.mark.parametrize(
    ("status", "flags", "details", "expected"),
    [
        (200, "", "via_upstream", NONE),
        (404, "", "via_upstream", NONE),
        (503, "", "via_upstream", ("server_error", "503")),
        (503, "UF", BEFORE % "remote_connection_failure|delayed_connect_error:_Connection_refused",
         ("connection_refused", "")),
        (503, "UF", BEFORE % "local_connection_failure|immediate_connect_error:_Network_is_unreachable",
         ("connection_failed", "network_unreachable")),
        (503, "UF", BEFORE % "remote_connection_failure|delayed_connect_error:_No_route_to_host",
         ("connection_failed", "no_route")),
        (503, "UF", BEFORE % "connection_timeout", ("connection_timeout", "")),
        (503, "UF,URX", BEFORE % "connection_timeout", ("connection_timeout", "")),
        (503, "UF", BEFORE % "remote_connection_failure", ("connection_failed", "")),
        (503, "UF", TLS % (CHAIN % "certificate_has_expired"), ("tls_failure", "expired")),
        (503, "UF", TLS % (CHAIN % "self_signed_certificate"), ("tls_failure", "self_signed")),
        (503, "UF", TLS % (CHAIN % "unable_to_get_local_issuer_certificate"), ("tls_failure", "untrusted")),
        (503, "UF", TLS % "CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_verify_SAN_list",
         ("tls_failure", "other_name")),
        (503, "UF", TLS % "WRONG_VERSION_NUMBER", ("tls_failure", "no_tls")),
        (503, "UF", TLS % "TLSV1_ALERT_PROTOCOL_VERSION", ("tls_failure", "no_common_version")),
        (503, "UF", TLS % "TLSV13_ALERT_CERTIFICATE_REQUIRED", ("tls_failure", "certificate_required")),
        (503, "UF", TLS % "SOMETHING_NEW", ("tls_failure", "something_new")),
        (503, "UH", "no_healthy_upstream", ("no_healthy_host", "")),
        (503, "UO", BEFORE % "overflow", ("overflow", "")),
        (504, "UT", "response_timeout", ("response_timeout", "")),
        (504, "UT", "upstream_per_try_timeout", ("response_timeout", "")),
        (504, "SI", "stream_idle_timeout", ("response_timeout", "")),
        (408, "SI", "stream_idle_timeout", NONE),
        (503, "UC", BEFORE % "connection_termination", ("reset", "")),
        (503, "UR", BEFORE % "remote_reset", ("reset", "")),
        (502, "UPE", BEFORE % "protocol_error", ("protocol_error", "")),
        (200, "UPE", BEFORE % "protocol_error", ("protocol_error", "")),
        (200, "UC", BEFORE % "connection_termination", ("reset", "")),
        (200, "UT", "upstream_per_try_timeout", ("response_timeout", "")),
        (200, "UT", retries.REFUSED, ("response_timeout", "")),
        (200, "UPE", AFTER % "protocol_error", ("cut", "closed")),
        (200, "UC", AFTER % "connection_termination", ("cut", "closed")),
        (200, "UT", "response_timeout", ("cut", "timeout")),
        (200, "SI", "stream_idle_timeout", ("cut", "idle")),
        (500, "UC", AFTER % "connection_termination", ("cut", "closed")),
        (101, "UC", AFTER % "connection_termination", NONE),
        (200, "DC", "downstream_remote_disconnect", NONE),
        (0, "DC", "downstream_remote_disconnect", NONE),
        (404, "NR", "route_not_found", NONE),
        (503, "OM", "overload", NONE),
    ],
)  # fmt: skip
def test_each_way_to_fail_has_its_word(
    status: int, flags: str, details: str, expected: tuple[str, str]
) -> None:
    assert failure(status, flags, details) == expected


def test_a_name_without_an_address_does_not_resolve() -> None:
    found = Failure(failures.NO_HEALTHY_HOST)

    assert failures.at_upstream(found, "orders.internal:80") == (failures.DNS_FAILURE, "")
    assert failures.at_upstream(found, "10.0.0.7:80") == found
    assert failures.at_upstream(found, "[::1]:80") == found
    assert failures.at_upstream(found, "") == found


def test_failures_are_counted_by_reason_and_upstream() -> None:
    refused = BEFORE % "remote_connection_failure|delayed_connect_error:_Connection_refused"

    batch = tallied(
        line(),
        line(status=503, flags="UF", details=refused),
        line(status=503, flags="UF", details=refused),
        line(status=503, flags="UF", details=refused, host="10.0.0.8:80"),
        line(status=503, flags="UH", details="no_healthy_upstream", host="orders.internal:80"),
    )

    assert counted(batch) == {
        ("", "", 200): 1,
        ("connection_refused", "10.0.0.7:80", 503): 2,
        ("connection_refused", "10.0.0.8:80", 503): 1,
        ("dns_failure", "orders.internal:80", 503): 1,
    }
    (failed, *_) = batch.samples
    assert (failed.failure, failed.upstream_host) == ("connection_refused", "10.0.0.7:80")


def test_what_a_policy_refused_is_no_failure_of_the_upstream() -> None:
    batch = tallied(line(status=503, policy="rate-limiting", details="lua_response"))

    assert counted(batch) == {("", "", 503): 1}


def test_an_answer_that_was_cut_is_an_error_of_its_resource() -> None:
    batch = tallied(line(flags="UPE", details=AFTER % "protocol_error"))

    assert counted(batch) == {("cut", "10.0.0.7:80", 200): 1}
    assert [resource.server_errors for resource in batch.resources] == [1]
    assert batch.samples[0].failure == "cut"


def test_what_callers_of_grpc_are_told_with_200_is_an_error_as_to_others() -> None:
    refused = BEFORE % "remote_connection_failure|delayed_connect_error:_Connection_refused"

    batch = tallied(
        line(flags="UPE", details=BEFORE % "protocol_error"),
        line(flags="UF", details=refused),
        line(flags="UT", details="upstream_per_try_timeout"),
    )

    assert counted(batch) == {
        ("protocol_error", "10.0.0.7:80", 502): 1,
        ("connection_refused", "10.0.0.7:80", 503): 1,
        ("response_timeout", "10.0.0.7:80", 504): 1,
    }
    assert [resource.server_errors for resource in batch.resources] == [3]


@pytest.mark.parametrize(
    ("grpc", "expected"),
    [
        ("-", ("", "", 200)),
        (None, ("", "", 200)),
        ("0", ("", "", 200)),
        ("1", ("", "", 499)),
        ("3", ("", "", 400)),
        ("4", ("server_error", "10.0.0.7:80", 504)),
        ("5", ("", "", 404)),
        ("6", ("", "", 409)),
        ("7", ("", "", 403)),
        ("8", ("", "", 429)),
        ("9", ("", "", 400)),
        ("10", ("", "", 409)),
        ("11", ("", "", 400)),
        ("12", ("", "", 404)),
        ("14", ("server_error", "10.0.0.7:80", 503)),
        ("16", ("", "", 401)),
        *((one, ("server_error", "10.0.0.7:80", 500)) for one in ("2", "13", "15", "17", "4294967295")),
    ],
)
def test_what_a_call_of_grpc_is_answered_is_counted_by_its_status(
    grpc: str | None, expected: tuple[str, str, int]
) -> None:
    assert counted(tallied(line(grpc=grpc))) == {expected: 1}


@pytest.mark.parametrize(
    ("flags", "details", "expected"),
    [
        ("DR", "http2.remote_reset", ("", "", 200)),
        ("DC", "downstream_remote_disconnect", ("", "", 200)),
        ("UC", AFTER % "connection_termination", ("cut", "10.0.0.7:80", 200)),
    ],
)
def test_of_a_call_of_grpc_without_an_end_no_status_is_known(
    flags: str, details: str, expected: tuple[str, str, int]
) -> None:
    """Envoy says UNKNOWN then."""
    assert counted(tallied(line(grpc="2", flags=flags, details=details))) == {expected: 1}


def test_a_call_of_grpc_that_a_script_refused_is_counted_by_the_status_of_http() -> None:
    refused = {"details": "lua_response", "grpc": "8"}

    batch = tallied(
        line(policy="json-threat-protection body 413", **refused), line(policy="quota  429", **refused)
    )

    assert counted(batch) == {("", "", 413): 1, ("", "", 429): 1}
    assert {(one.policy, one.policy_check) for one in batch.counts} == {
        ("json-threat-protection", "body"),
        ("quota", ""),
    }


def counted(batch: TrafficBatch) -> dict[tuple[str, str, int], int]:
    return {(one.failure, one.upstream_host, one.status): one.requests for one in batch.counts}
