"""Whether what an API runs may run on a gateway, whatever is saved of it."""

from collections.abc import Iterator

from apis.desired import DesiredApi
from apis.models import ApiInstance, TlsContext
from apis.revision import Revision
from apis.rules import listeners
from apis.rules.problem import Problem
from gateways.models import Gateway


def taken(api: ApiInstance, gateway: Gateway | None, revision: Revision | None = None) -> Iterator[Problem]:
    """What stands in the way of the revision on this gateway: another API that has its port or base path."""
    runs = revision or api.revision
    if runs is None:
        return
    context = TlsContext.objects.filter(pk=runs.serves_with).first() if runs.serves_with else None
    desired = DesiredApi(
        asset=api.asset,
        gateway=gateway,
        protocol=runs.protocol,
        port=runs.port,
        base_path=runs.base_path,
        tls_context=context,
    )
    yield from listeners.problems(api.environment, desired, api)
