"""Upstreams that fail: from when on a page says so, and in which words."""

from dataclasses import dataclass
from typing import ClassVar

from gateways.protocol import failures as f

TITLES = {
    f.CONNECTION_REFUSED: "Connection refused",
    f.CONNECTION_TIMEOUT: "No connection in time",
    f.CONNECTION_FAILED: "No connection",
    f.DNS_FAILURE: "Name does not resolve",
    f.TLS_FAILURE: "TLS failure",
    f.NO_HEALTHY_HOST: "No healthy host",
    f.RESPONSE_TIMEOUT: "No answer in time",
    f.RESET: "Closed without an answer",
    f.PROTOCOL_ERROR: "Answer cannot be read",
    f.OVERFLOW: "Too many requests waiting",
    f.CUT: "Answer cut in the middle",
    f.SERVER_ERROR: "Error of the upstream",
}
"""Each reason as a table has it."""

_SENTENCES = {
    f.CONNECTION_REFUSED: "connection refused by {host}",
    f.CONNECTION_TIMEOUT: "no connection to {host} in time",
    f.CONNECTION_FAILED: "no connection to {host}",
    f.DNS_FAILURE: "{host} does not resolve to an address",
    f.TLS_FAILURE: "TLS failure with {host}",
    f.NO_HEALTHY_HOST: "no healthy host behind {host}",
    f.RESPONSE_TIMEOUT: "no answer from {host} in time",
    f.RESET: "{host} closes the connection without an answer",
    f.PROTOCOL_ERROR: "answers of {host} cannot be read: no HTTP, not the version that it is asked in, "
    "or headers of more than 60 KB",
    f.OVERFLOW: "too many requests wait for {host}",
    f.CUT: "answers of {host} are cut in the middle",
    f.SERVER_ERROR: "{host} answers with {detail}",
}
_DETAILS = {
    "no_route": "no route to the host",
    "network_unreachable": "the network is unreachable",
    "timeout": "it took too long",
    "idle": "nothing came for too long",
    "closed": "the connection was closed",
    "expired": "its certificate has expired",
    "not_yet_valid": "its certificate is not valid yet",
    "other_name": "its certificate is for another name",
    "self_signed": "its certificate is self-signed",
    "untrusted": "no trusted CA signed its certificate",
    "no_tls": "it does not speak TLS",
    "certificate_required": "it asks for a client certificate",
    "certificate_refused": "it refuses our certificate",
    "no_common_version": "no TLS version in common",
    "no_common_cipher": "the handshake failed",
}


@dataclass(frozen=True)
class UpstreamFailure:
    """Requests that failed for one reason at one upstream, in the words of `gateways.protocol.failures`."""

    reason: str
    detail: str
    host: str
    requests: int = 1

    @property
    def title(self) -> str:
        return TITLES.get(self.reason, self.reason.replace("_", " ").capitalize())

    @property
    def more(self) -> str:
        """What the title does not say; "" where there is nothing."""
        return _DETAILS.get(self.detail, self.detail.replace("_", " "))

    @property
    def sentence(self) -> str:
        host = self.host or "the upstream"
        known = _SENTENCES.get(self.reason, f"{self.title.lower()} at {{host}}")
        added = f" ({self.more})" if self.more and "{detail}" not in known else ""
        return known.format(host=host, detail=self.more) + added


@dataclass(frozen=True)
class Failing:
    """What failed at an API's upstreams in the last minutes, the most frequent first.

    `passed` are all requests of these minutes that no policy refused. A few failures ask for a look when
    they are a noticeable share of those: one that fails now and then is a chart's matter, not an alarm's.
    """

    SECONDS: ClassVar[int] = 300
    FEW: ClassVar[int] = 3
    SHARE_PERCENT: ClassVar[int] = 10

    parts: tuple[UpstreamFailure, ...]
    passed: int

    @property
    def failed(self) -> int:
        return sum(part.requests for part in self.parts)

    @property
    def asks_for_a_look(self) -> bool:
        return self.failed >= self.FEW and 100 * self.failed >= self.SHARE_PERCENT * self.passed

    @property
    def sentence(self) -> str:
        """Like: connection refused by 10.0.0.7:80, 214 of 214 in 5 min."""
        first, others = self.parts[0], self.failed - self.parts[0].requests
        more = f"; {others:,} more failed otherwise" if others else ""
        minutes = self.SECONDS // 60
        return f"{first.sentence}, {first.requests:,} of {self.passed:,} in {minutes} min{more}"
