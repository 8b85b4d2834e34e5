"""Where consumers reach an API, as far as the console can tell."""

from urllib.parse import urlsplit

from apis.models import ApiInstance
from gateways.models import Gateway

LOOPBACK = {"127.0.0.1", "::1", "0.0.0.0", "localhost"}  # noqa: S104 — compared with, never listened on
UNKNOWN = "gateway-host"


def host_of(gateway: Gateway | None) -> str:
    """The host at which a live replica can be reached, else a word that stands for it."""
    for replica in gateway.replicas.all() if gateway else ():
        if replica.is_connected and replica.control_url:
            host = urlsplit(replica.control_url).hostname or ""
            return "localhost" if host in LOOPBACK else host
    return UNKNOWN


def consumer_address(api: ApiInstance) -> str:
    """The address that consumers call: what was told as such, else the gateway's own."""
    return api.consumer_endpoint or f"{api.protocol}://{host_of(api.gateway)}:{api.port}{api.base_path}"


def curl_command(api: ApiInstance) -> str:
    """A request to try it with: how its certificate is trusted, and that it asks for the caller's own."""
    context = None if api.consumer_endpoint else api.tls_context
    trust = " --insecure" if context and context.facts and context.facts.is_self_signed else ""
    own = " --cert client.pem --key client-key.pem" if context and context.requires_client_certificate else ""
    return f"curl -i{trust}{own} {consumer_address(api)}"
