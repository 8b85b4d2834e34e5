"""An API that fails, for the gallery."""

from apis.models import ApiInstance
from tests.analytics.traffic import Shipper, count


def make_failing(api: ApiInstance) -> None:
    """As an upstream that is down looks everywhere."""
    lost = {"status": 503, "upstream": {}, "upstream_host": "refunds.internal.example:8080"}
    Shipper(api).ship(
        count(api, 214, failure="connection_refused", **lost),
        count(api, 3, failure="dns_failure", **lost),
    )
