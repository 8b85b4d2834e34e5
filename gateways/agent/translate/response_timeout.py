"""How long an API's upstreams may take to begin an answer, where that is said for the API itself.

In Flex Gateway this is the policy `response-timeout`; to us it is a property of the API's routes.
"""

from pydantic import ValidationError

from gateways.agent.translate.configuration import Seconds
from gateways.protocol import resources as r
from gateways.protocol.faults import Faulty, Path, explained, fault
from gateways.protocol.timeouts import RESPONSE_TIMEOUT

NAMES = (RESPONSE_TIMEOUT, f"{RESPONSE_TIMEOUT}-flex")


class Config(r.Model):
    timeout: Seconds


def seconds(resource: r.AnyResource, path: Path, given: r.InlinePolicy | r.PolicyBindingSpec) -> float:
    """What one such policy says. Raises Faulty."""
    if given.rules:
        raise Faulty(fault(resource, (*path, "rules"), f"{RESPONSE_TIMEOUT} always holds for the whole API"))
    try:
        return Config.model_validate(given.config).timeout
    except ValidationError as error:
        raise Faulty(
            *(fault(resource, (*path, "config", *where), text) for where, text in explained(error))
        ) from None
