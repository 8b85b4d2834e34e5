"""What agents call, under /agent/v1/: traffic."""

from django.http import HttpRequest

from analytics.ingest import ingest
from gateways.agent.protocol import TrafficAnswer, TrafficBatch
from gateways.agent_auth import Caller, Refused, agent_endpoint

BODY_LIMIT = 4 * 1024 * 1024


@agent_endpoint("POST", TrafficBatch, limit=BODY_LIMIT)
def traffic(request: HttpRequest, caller: Caller, body: TrafficBatch) -> TrafficAnswer:
    if body.replica != str(caller.replica_id):
        raise Refused(403, "the body speaks for another replica than the signature")
    return TrafficAnswer(committed=ingest(caller.gateway, body))
