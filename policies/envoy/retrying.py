"""Which requests are sent to their upstream again, when and how often, as Envoy's routes have it."""

from collections.abc import Sequence
from typing import Any

_LOST = ("connect-failure", "refused-stream", "reset-before-request", "reset")
_STATUS = "retriable-status-codes"


def retry_policy(
    maximum_retries: int,
    status_codes: Sequence[int],
    methods: Sequence[str],
    first_pause_in_milliseconds: int,
    longest_pause_in_milliseconds: int,
) -> dict[str, Any]:
    """Envoy's RetryPolicy. With a maximum of 0 nothing is sent again, not even what a connection lost."""
    reasons = [*_LOST, *([_STATUS] if status_codes else [])]
    return {
        "retry_on": ",".join(reasons) if maximum_retries else "",
        "num_retries": maximum_retries,
        "retriable_status_codes": sorted(set(status_codes)),
        "retriable_request_headers": [
            {"name": ":method", "string_match": {"exact": one}} for one in dict.fromkeys(methods)
        ],
        "retry_back_off": {
            "base_interval": f"{first_pause_in_milliseconds / 1000:.3f}s",
            "max_interval": f"{longest_pause_in_milliseconds / 1000:.3f}s",
        },
    }
