"""What agents call, under /agent/v1/: registrations, heartbeats, acks."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from gateways import change
from gateways.agents import acks, heartbeats
from gateways.agents.authentication import Caller, RequestRefused, agent_endpoint
from gateways.agents.console_key import console_key
from gateways.models import Replica
from gateways.protocol.frames import STREAM_PATH
from gateways.protocol.messages import (
    ACK_LIMIT,
    Ack,
    Heartbeat,
    HeartbeatAnswer,
    RegistrationAnswer,
    RegistrationRequest,
)


@agent_endpoint("POST", RegistrationRequest, limit=16 * 1024, signed=False)
def registrations(request: HttpRequest, body: RegistrationRequest) -> RegistrationAnswer:
    try:
        gateway = change.register(body)
    except change.UnusableToken as error:
        raise RequestRefused(401, str(error)) from error
    except ValidationError as error:
        raise RequestRefused(400, " ".join(error.messages)) from error
    return RegistrationAnswer(
        gateway_id=str(gateway.pk),
        name=gateway.name,
        organization_id=str(gateway.environment.organization_id),
        environment_id=str(gateway.environment_id),
        console_public_key=console_key().public_key,
        heartbeat_seconds=settings.HEARTBEAT_SECONDS,
    )


@agent_endpoint("POST", Heartbeat)
def heartbeat(request: HttpRequest, caller: Caller, body: Heartbeat) -> HeartbeatAnswer:
    _check_replica(caller, body.replica.id)
    try:
        return heartbeats.record(caller.gateway, body)
    except heartbeats.ForeignReplica as error:
        raise RequestRefused(403, str(error)) from error
    except heartbeats.ImpossibleGeneration as error:
        raise RequestRefused(400, str(error)) from error
    except heartbeats.TooManyReplicas as error:
        raise RequestRefused(403, str(error)) from error


@agent_endpoint("POST", Ack, limit=ACK_LIMIT)
def ack(request: HttpRequest, caller: Caller, body: Ack) -> dict[str, int]:
    _check_replica(caller, body.replica)
    replica = Replica.objects.filter(pk=caller.replica_id, gateway=caller.gateway).first()
    if replica is None:
        raise RequestRefused(404, "this replica sent no heartbeat yet")
    if body.generation > caller.gateway.generation:
        raise RequestRefused(400, f"generation {body.generation} was never sent")
    if any((resource.running_generation or 0) > body.generation for resource in body.resources):
        raise RequestRefused(
            400, f"nothing runs a generation after {body.generation}, which this is the answer to"
        )
    kept = acks.record(caller.gateway, replica, body)
    return {"generation": body.generation, "kept": kept is not None}


@login_not_required
@require_safe
def stream(request: HttpRequest) -> HttpResponse:
    """Refuse: a stream would hold a thread. Says where streams are, where no front passes them on."""
    if not settings.LINK_URL:
        message = f"{STREAM_PATH} has to lead to `manage.py link`: see README; until then gateways ask"
        return JsonResponse({"message": message}, status=501)
    return HttpResponse(status=307, headers={"Location": settings.LINK_URL + STREAM_PATH})


def _check_replica(caller: Caller, replica_id: str) -> None:
    """A replica speaks for itself alone."""
    if replica_id != str(caller.replica_id):
        raise RequestRefused(403, "the body speaks for another replica than the signature")
