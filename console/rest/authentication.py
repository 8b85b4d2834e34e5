"""Who a REST request speaks for."""

from uuid import uuid4

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from console.compiled import CompiledQuery
from console.digests import digest
from console.factors import needed
from console.models import AccessToken, User
from console.tokens.models import PREFIX, ByToken, PersonalToken

Token = AccessToken | PersonalToken
_ACCESS = CompiledQuery(
    lambda token_hash: AccessToken.objects.select_related("user", "connected_app__organization").filter(
        token_hash=token_hash
    ),
    token_hash=uuid4().hex,
)


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer` with a personal token, or one from /accounts/login or
    /accounts/api/v2/oauth2/token.
    """

    def authenticate(self, request: Request) -> tuple[User, Token] | None:
        scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        return of_token(token.strip())

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def of_token(token: str) -> tuple[User, Token]:
    """Whose it is. Raises AuthenticationFailed."""
    if token.startswith(PREFIX):
        return _of_personal(token)
    found = _ACCESS.first(token_hash=digest(token))
    if found is None or not found.is_live or not found.user.is_active:
        raise AuthenticationFailed("The access token is unknown or has expired; log in again.")
    found.user.through = found.connected_app
    return found.user, found


def _of_personal(token: str) -> tuple[User, PersonalToken]:
    rows = PersonalToken.objects.select_related("user", "environment__organization")
    rows = rows.annotate(needs_factor=needed.rules_of("user_id"))
    found = rows.filter(token_hash=digest(token)).first()
    if found is None or not found.is_live or not found.user.is_active:
        raise AuthenticationFailed(
            "The personal token is unknown, has ended or was revoked; make another one on your profile."
        )
    if found.needs_factor and not found.with_factor:
        raise AuthenticationFailed(
            "This personal token was made without a second factor, which an organization of yours needs by "
            "now; log in with yours, and make another one."
        )
    found.note_use()
    found.user.through = ByToken(found)
    return found.user, found
