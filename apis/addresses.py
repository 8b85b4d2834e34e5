"""Where consumers reach an API, and where it sends them, as far as the console can tell."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Func, JSONField, Q
from django.db.models.functions import Cast

from apis.models import ApiInstance, Upstream
from apis.revision import Revision
from console.among import listed, numbers_in
from console.compiled import CompiledQuery
from gateways.models import Gateway

LOOPBACK = {"127.0.0.1", "::1", "0.0.0.0", "localhost"}  # noqa: S104 — compared with, never listened on
UNKNOWN = "GATEWAY-HOST"
"""Stands for the host where no replica has told one: people put theirs in its place."""

_SERVICES = Func(
    Cast("documents", JSONField()),
    template="""jsonb_path_query_array(%(expressions)s, '$[*] ? (@.kind == "Service").spec.address')""",
    output_field=JSONField(),
)
"""The addresses in a revision's documents, without those, which may be long."""

_saved_upstreams = CompiledQuery(
    lambda apis: Upstream.objects.filter(api__in=numbers_in(apis)).values_list("api", "uri"), apis="{0}"
)


def host_of(gateway: Gateway | None) -> str:
    """The host that a replica told: of those that report, else of the one that was heard last. UNKNOWN where
    none did.
    """
    told = [one for one in (gateway.replicas.all() if gateway else ()) if one.control_url]
    newest = max(told, key=lambda one: (one.is_connected, one.last_heartbeat_at), default=None)
    if newest is None:
        return UNKNOWN
    host = urlsplit(newest.control_url).hostname or UNKNOWN
    return "localhost" if host in LOOPBACK else host


def consumer_address(api: ApiInstance) -> str:
    """The address that consumers call: what was told as such, else the gateway's own; without a host where
    that is not known.
    """
    if api.consumer_endpoint:
        return api.consumer_endpoint
    host, (protocol, port, base_path) = host_of(api.gateway), served([api])[api.pk]
    return f"{'' if host == UNKNOWN else f'{protocol}://{host}'}:{port}{base_path}"


def curl_address(api: ApiInstance) -> str:
    """The same for a command: with a word that stands for the host where that is not known."""
    protocol, port, base_path = served([api])[api.pk]
    return api.consumer_endpoint or f"{protocol}://{host_of(api.gateway)}:{port}{base_path}"


def served(apis: Iterable[ApiInstance]) -> dict[int, tuple[str, int, str]]:
    """(protocol, port, base path) by API: while another address is pending, that of what runs."""
    apis = list(apis)
    keys = [api.revision_id for api in apis if api.is_deployed and api.pending_since]
    runs = Revision.objects.filter(pk__in=keys) if keys else Revision.objects.none()
    found = {pk: told for pk, *told in runs.values_list("api", "protocol", "port", "base_path")}
    return {api.pk: tuple(found.get(api.pk) or (api.protocol, api.port, api.base_path)) for api in apis}


def upstreams(apis: Iterable[ApiInstance]) -> dict[int, list[str]]:
    """Where each API sends requests: while others are pending, the upstreams of what runs."""
    apis = list(apis)
    found: dict[int, list[str]] = {api.pk: [] for api in apis}
    runs = {api.revision_id: api.pk for api in apis if api.is_deployed and api.pending_since}
    if runs:
        told = Revision.objects.filter(pk__in=runs).values_list("api", _SERVICES)
        found |= dict(told)
    saved = found.keys() - runs.values()
    for api, uri in _saved_upstreams(apis=listed(saved)) if saved else ():
        found[api].append(uri)
    return found


def listens(**lookups: Any) -> Q:
    """Those whose protocol, port or base path is such as saved, or as run while another one is pending."""
    return Q(**lookups) | _runs(lookups)


def serves(**lookups: Any) -> Q:
    """The same by what `served` says alone: nobody who only calls APIs learns what is pending."""
    return Q(pending_since=None, **lookups) | Q(is_deployed=False, **lookups) | _runs(lookups)


def _runs(lookups: dict[str, Any]) -> Q:
    waiting = ApiInstance.objects.filter(is_deployed=True, pending_since__isnull=False)
    found = waiting.filter(**{f"revision__{name}": value for name, value in lookups.items()})
    # Asked for once, and not for each API.
    return Q(pk__in=found.order_by().values("pk"))


def curl_command(api: ApiInstance) -> str:
    """A request to try it with: how its certificate is trusted, and that it asks for the caller's own."""
    context = None if api.consumer_endpoint else api.tls_context
    trust = " --insecure" if context and context.facts and context.facts.is_self_signed else ""
    own = " --cert client.pem --key client-key.pem" if context and context.requires_client_certificate else ""
    return f"curl -i{trust}{own} {curl_address(api)}"
