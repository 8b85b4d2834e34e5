"""What agents call, under /agent/v1/: traffic."""

from django.http import HttpRequest

from analytics.ingest import ingest
from gateways.agents.authentication import Caller, RequestRefused, agent_endpoint
from gateways.models import Replica
from gateways.protocol.messages import TrafficAnswer, TrafficBatch

BODY_LIMIT = 4 * 1024 * 1024


@agent_endpoint("POST", TrafficBatch, limit=BODY_LIMIT)
def traffic(request: HttpRequest, caller: Caller, body: TrafficBatch) -> TrafficAnswer:
    if body.replica != str(caller.replica_id):
        raise RequestRefused(403, "the body speaks for another replica than the signature")
    if Replica.objects.filter(pk=caller.replica_id).exclude(gateway=caller.gateway).exists():
        raise RequestRefused(403, "this replica is another gateway's")
    return TrafficAnswer(committed=ingest(caller.gateway, body))
