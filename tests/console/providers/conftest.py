"""An identity provider of an organization, and browsers that log in by it."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from console.models import Environment
from console.providers.models import IdentityProvider
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider

GRACE = {
    "sub": "248289761001",
    "email": "grace@acme.test",
    "email_verified": True,
    "preferred_username": "grace",
    "given_name": "Grace",
    "groups": ["engineers"],
}
Enter = Callable[..., HttpResponse]


@pytest.fixture
def acme() -> Iterator[Provider]:
    cache.clear()
    provider = Provider(person=dict(GRACE))
    yield provider
    provider.stop()


@pytest.fixture
def provider(acme: Provider, environment: Environment) -> IdentityProvider:
    return make_provider(acme, environment)


def make_provider(acme: Provider, environment: Environment, **more: object) -> IdentityProvider:
    given = {
        "name": "Acme ID",
        "slug": f"acme-{IdentityProvider.objects.count()}",
        "makes_users": True,
        **more,
    }
    made = IdentityProvider.objects.create(
        organization=environment.organization,
        discovery_url=acme.issuer,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        **given,
    )
    acme.redirect_uris.add(f"http://localhost:8000/login/with/{made.pk}/back")
    acme.after_logout.add("http://localhost:8000/login")
    return made


def make_browser() -> Client:
    """At the console's own address."""
    return Client(HTTP_HOST="localhost:8000")


def sent_back(client: Client, address: str) -> str:
    """What the provider answers to the browser that comes to it: the address of the console to go to."""
    leaving = client.get(address)
    assert leaving.status_code == 302, leaving.content.decode()
    assert "/authorize?" in leaving["Location"], leaving["Location"]
    answer = httpx.get(leaving["Location"])
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


def enter(client: Client, provider: IdentityProvider, next_page: str = "/profile") -> HttpResponse:
    """Where the whole login leads."""
    back = sent_back(client, f"/login/with/{provider.pk}?next={next_page}")
    return client.get(back, follow=True)
