"""What agents ask of API Manager: snapshot and contracts, pulled by a replica that no push reached."""

from django.http import HttpRequest, HttpResponse

from apis.deployment import books, snapshot
from gateways.agents import push
from gateways.agents.authentication import Caller, agent_endpoint


@agent_endpoint("GET")
def snapshot_of(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The newest snapshot of the caller's gateway."""
    found = snapshot.build(caller.gateway)
    push.deployment(caller.gateway, found.generation, found.digest, found.count)
    return HttpResponse(found.body, content_type="application/json")


@agent_endpoint("GET")
def contracts_of(request: HttpRequest, caller: Caller) -> HttpResponse:
    """The newest contracts of the caller's gateway."""
    return HttpResponse(books.build(caller.gateway).body, content_type="application/x-ndjson")
