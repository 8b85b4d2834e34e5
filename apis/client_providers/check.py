"""Asks a client provider as gateways will: its discovery document, and whether it takes the credentials."""

from dataclasses import dataclass

from apis.client_providers.models import WELL_KNOWN, ClientProvider
from console.providers import fetching
from console.providers.fetching import Unfetched

MADE_UP = "a-token-that-gatewright-made-up"
MOST_SHOWN = 500
SHOWN = ("issuer", "introspection_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True)
class ProviderAnswer:
    """`said` is what the provider's document says of itself, by its names; empty where it has none.

    `fault` is why no token can be judged by it, "" where it can.
    """

    said: dict[str, str]
    fault: str = ""


def ask(provider: ClientProvider) -> ProviderAnswer:
    """Within seconds. Asks only where identity providers may be."""
    said: dict[str, str] = {}
    trusted_ca = _trusted_ca(provider)
    try:
        if provider.discovery_url:
            said = _document(provider.issuer, trusted_ca)
        _judge(provider, said.get("introspection_endpoint") or provider.introspection_url, trusted_ca)
    except Unfetched as error:
        return ProviderAnswer(said, str(error))
    return ProviderAnswer(said)


def _trusted_ca(provider: ClientProvider) -> str:
    """Of the first environment of its own organization that has it with a truststore: those of a business
    group below would be trusted with the secret of the organization above.
    """
    own = provider.chosen.filter(environment__organization=provider.organization).exclude(truststore=None)
    chosen = own.select_related("truststore").order_by("environment__name").first()
    return chosen.trusted_ca if chosen else ""


def _document(issuer: str, trusted_ca: str) -> dict[str, str]:
    """Raises Unfetched for a document that gateways would not take either."""
    document = fetching.get_json(issuer + WELL_KNOWN, trusted_ca=trusted_ca)
    said = {name: one[:MOST_SHOWN] for name in SHOWN if isinstance(one := document.get(name), str) and one}
    if said.get("issuer", "").rstrip("/") != issuer:
        raise Unfetched(
            f"its document is that of another issuer, {said.get('issuer', 'which it does not name')}"
        )
    if "introspection_endpoint" not in said:
        raise Unfetched("its document names no introspection_endpoint: it has no tokens introspected")
    if issuer.startswith("https:") and not said["introspection_endpoint"].startswith("https:"):
        raise Unfetched("its introspection_endpoint is without TLS")
    return said


def _judge(provider: ClientProvider, endpoint: str, trusted_ca: str) -> None:
    """Raises Unfetched where a made-up token is not called inactive."""
    secret = str(provider.client_secret or "")
    form = {"token": MADE_UP, "client_id": provider.client_id, "client_secret": secret}
    status, answer = fetching.post_form(endpoint, form, trusted_ca=trusted_ca)
    if status in (400, 401, 403):
        raise Unfetched(
            f"it does not take the client id and secret: it answers {status} when asked about a token"
        )
    if status != 200:
        raise Unfetched(f"it answers {status} when it is asked about a token")
    if answer.get("active") is True:
        raise Unfetched("it calls a token active that was made up")
    if answer.get("active") is not False:
        raise Unfetched('its answer about a token does not say whether it is "active"')
