"""What a gateway is sent, as its agent reads it."""

from apis.deployment import snapshot
from gateways.models import Gateway
from gateways.protocol.resources import AnyResource, Snapshot


def resources_of(gateway: Gateway) -> tuple[AnyResource, ...]:
    return Snapshot.model_validate_json(snapshot.build(gateway).body).resources
