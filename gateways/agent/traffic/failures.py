"""Why a request failed at its upstream, told from what Envoy logs of it, in a closed vocabulary.

Envoy's response flags say who failed, its response code details how. Neither holds what a caller or an
upstream wrote, and what is taken from them is one of the words here or a name of OpenSSL's, so that what
requests are counted by stays bounded.
"""

import ipaddress
import re
from typing import NamedTuple

from gateways.agent.traffic import grpc
from gateways.protocol.failures import (
    CONNECTION_FAILED,
    CONNECTION_REFUSED,
    CONNECTION_TIMEOUT,
    CUT,
    DNS_FAILURE,
    NO_HEALTHY_HOST,
    OVERFLOW,
    PROTOCOL_ERROR,
    RESET,
    RESPONSE_TIMEOUT,
    SERVER_ERROR,
    TLS_FAILURE,
)

UPGRADED = 101
"""A WebSocket's connection is no answer that has an end."""

_AFTER_START = "upstream_reset_after_response_started"
_BEFORE_START = (
    "upstream_reset_before_response_started",
    "upstream_per_try_timeout",
    "rbac_access_denied_matched_policy[upstream_per_try_timeout]",  # a second try that was not due
)
"""What Envoy answers of these in the upstream's place has the status 200 where a call is gRPC's."""
_IN_THE_ANSWER = frozenset(["UC", "UR", "UT", "UPE", "SI", "UMSDR", "LR"])
_LEFT = frozenset(["DC", "DR"])
"""The caller's connection or, of HTTP/2, its stream ended before the answer."""
_BY_FLAG = {
    "UH": NO_HEALTHY_HOST,
    "DF": DNS_FAILURE,
    "UO": OVERFLOW,
    "UT": RESPONSE_TIMEOUT,
    "UMSDR": RESPONSE_TIMEOUT,
    "UPE": PROTOCOL_ERROR,
    "UC": RESET,
    "UR": RESET,
}
_CUT_BY = {"UT": "timeout", "UMSDR": "timeout", "SI": "idle", "UPE": "closed", "UC": "closed", "UR": "closed"}
_STATUSES = {PROTOCOL_ERROR: 502, RESPONSE_TIMEOUT: 504}
_SYSTEM_ERROR = re.compile(r"connect_error:_([A-Za-z_]{1,60})")
_OPENSSL = re.compile(r"OPENSSL_internal:([A-Z0-9_]{1,60})")
_SYSTEM_ERRORS = {
    "Connection_refused": (CONNECTION_REFUSED, ""),
    "Connection_timed_out": (CONNECTION_TIMEOUT, ""),
    "No_route_to_host": (CONNECTION_FAILED, "no_route"),
    "Network_is_unreachable": (CONNECTION_FAILED, "network_unreachable"),
}
_TLS = (
    ("certificate_has_expired", "expired"),
    ("certificate_is_not_yet_valid", "not_yet_valid"),
    ("verify_SAN_list", "other_name"),
    ("self_signed", "self_signed"),
    ("self-signed", "self_signed"),
    ("CERTIFICATE_VERIFY_FAILED", "untrusted"),
    ("WRONG_VERSION_NUMBER", "no_tls"),
    ("HTTP_REQUEST", "no_tls"),
    ("CERTIFICATE_REQUIRED", "certificate_required"),
    ("BAD_CERTIFICATE", "certificate_refused"),
    ("UNKNOWN_CA", "certificate_refused"),
    ("PROTOCOL_VERSION", "no_common_version"),
    ("UNSUPPORTED_PROTOCOL", "no_common_version"),
    ("HANDSHAKE_FAILURE", "no_common_cipher"),
)


class Failure(NamedTuple):
    """`reason` is one of the words above, "" where nothing failed; `detail` says more where that is known."""

    reason: str = ""
    detail: str = ""


NONE = Failure()


def failure(status: int, flags: str, details: str, grpc_status: int | None = None) -> Failure:
    """Why a request failed that no policy refused. `flags` and `details` as Envoy logs them, "" for none."""
    found = set(flags.split(","))
    if status == UPGRADED:
        return NONE
    is_cut = 0 < status < 400 and found & _IN_THE_ANSWER and not details.startswith(_BEFORE_START)
    if is_cut or details.startswith(_AFTER_START):
        return Failure(CUT, next((word for flag, word in _CUT_BY.items() if flag in found), "closed"))
    if details == "via_upstream":
        answered = grpc.http_status(status, grpc_status)
        return Failure(SERVER_ERROR, str(answered)) if answered >= 500 else NONE
    if "UF" in found:
        return _connection(details)
    if "SI" in found and status == 504:
        return Failure(RESPONSE_TIMEOUT)
    return Failure(next((reason for flag, reason in _BY_FLAG.items() if flag in found), ""))


def http_status(found: Failure, status: int, flags: str, grpc_status: int | None) -> int:
    """The status that callers of HTTP have of it: gRPC's have 200 whatever failed, and words beside it.

    Of an answer that did not come to its end, or whose caller left, its beginning is all that is known.
    """
    if found.reason == CUT or status == UPGRADED or _LEFT & set(flags.split(",")):
        return status
    if found.reason in ("", SERVER_ERROR):
        return grpc.http_status(status, grpc_status)
    return _STATUSES.get(found.reason, 503) if 0 < status < 400 else status


def at_upstream(found: Failure, address: str) -> Failure:
    """The same, known where it was sent: no host at all stands behind a name that does not resolve."""
    if found.reason == NO_HEALTHY_HOST and address and not _is_ip(address.rpartition(":")[0].strip("[]")):
        return Failure(DNS_FAILURE)
    return found


def _connection(details: str) -> Failure:
    if "TLS_error" in details:
        return Failure(TLS_FAILURE, _tls(details))
    if "connection_timeout" in details:
        return Failure(CONNECTION_TIMEOUT)
    system = _SYSTEM_ERROR.search(details)
    return Failure(*_SYSTEM_ERRORS.get(system[1] if system else "", (CONNECTION_FAILED, "")))


def _tls(details: str) -> str:
    """The TLS error in our words, else by the name that OpenSSL gives it."""
    known = next((word for text, word in _TLS if text in details), "")
    name = _OPENSSL.search(details)
    return known or (name[1].lower() if name else "")


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
