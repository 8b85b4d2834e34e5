"""Who a REST request speaks for."""

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from console.models import AccessToken, User, digest


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer` with a token from /accounts/login or /accounts/api/v2/oauth2/token."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        return of_token(token.strip())

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def of_token(token: str) -> tuple[User, AccessToken]:
    """Whose it is. Raises AuthenticationFailed."""
    tokens = AccessToken.objects.select_related("user", "connected_app__organization")
    found = tokens.filter(token_hash=digest(token)).first()
    if found is None or not found.is_live or not found.user.is_active:
        raise AuthenticationFailed("The access token is unknown or has expired; log in again.")
    found.user.through = found.connected_app
    return found.user, found
