"""REST: logging in, and who the caller is."""

from typing import Any

from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import AuthenticationFailed, Throttled, ValidationError
from rest_framework.parsers import FormParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from console import login_attempts
from console.audit_log import logins
from console.factors import needed
from console.models import AccessToken, ConnectedApp, User
from console.providers import people
from console.rest import access, serializers, shapes, tokens
from console.rest.parsers import BoundedJSONParser


class OpenView(APIView):
    """Takes no notice of an Authorization header: clients send their last, perhaps expired, token here."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    parser_classes = (BoundedJSONParser, FormParser)

    def get_authenticate_header(self, request: Request) -> str:
        """So that wrong credentials answer 401."""
        return "Bearer"


class Login(OpenView):
    @extend_schema(
        operation_id="login",
        tags=["Accounts"],
        auth=[],
        request=serializers.LoginBody,
        responses={
            200: serializers.LoginAnswer,
            401: serializers.ErrorAnswer,
            429: serializers.ErrorAnswer,
        },
    )
    def post(self, request: Request) -> Response:
        """A bearer token for a user name and a password, good for an hour."""
        given = _valid(serializers.LoginBody, request)
        user = _user(request, given["username"], given["password"])
        return Response({"access_token": tokens.issue(user), "token_type": "bearer", "redirectUrl": "/"})


class Token(OpenView):
    @extend_schema(
        operation_id="token",
        tags=["Accounts"],
        auth=[],
        request={
            "application/json": serializers.TokenBody,
            "application/x-www-form-urlencoded": serializers.TokenBody,
        },
        responses={
            200: serializers.TokenAnswer,
            400: serializers.ErrorAnswer,
            401: serializers.ErrorAnswer,
            429: serializers.ErrorAnswer,
        },
    )
    def post(self, request: Request) -> Response:
        """A bearer token for a connected app (client_credentials) or for a user (password)."""
        given = _valid(serializers.TokenBody, request)
        app = (
            _app(request, given)
            if given["grant_type"] == "client_credentials" or "client_id" in given
            else None
        )
        if given["grant_type"] == "password":
            user = _user(request, *_needed(given, "username", "password"))
            token = tokens.issue(user, app)
        elif app is not None:
            token = tokens.issue(app.owner, app)
        return Response(
            {"access_token": token, "expires_in": AccessToken.LIFETIME_SECONDS, "token_type": "bearer"}
        )


class UsersMe(APIView):
    @extend_schema(operation_id="usersMe", tags=["Accounts"], responses=serializers.UserShape)
    def get(self, request: Request) -> Response:
        """The caller; for a connected app, the user it acts for."""
        return Response(serializers.UserShape(shapes.user(access.caller(request))).data)


class Me(APIView):
    @extend_schema(operation_id="me", tags=["Accounts"], responses=serializers.MeAnswer)
    def get(self, request: Request) -> Response:
        """The caller, wrapped, with the connected app if the token is one's."""
        found = {"user": shapes.user(access.caller(request))}
        if isinstance(request.auth, AccessToken) and request.auth.connected_app:
            found["client"] = shapes.client(request.auth.connected_app)
        return Response(serializers.MeAnswer(found).data)


class Telemetry(OpenView):
    """A sink for what clients report of their own use; nothing is read or kept."""

    @extend_schema(exclude=True)
    def post(self, request: Request, kind: str) -> Response:
        return Response(status=204)


def _valid(shape: type[Serializer[Any]], request: Request) -> dict[str, str]:
    body = shape(data=request.data)
    body.is_valid(raise_exception=True)
    return dict(body.validated_data)


def _user(request: Request, username: str, password: str) -> User:
    _check_attempts(request, username)
    user = authenticate(request._request, username=username, password=password)
    if not isinstance(user, User):
        raise AuthenticationFailed("The user name or the password is wrong.")
    if user.must_change_password:
        raise AuthenticationFailed(
            "This password was generated or given: log in at the console once and choose your own."
        )
    if needed.has_factor(user) or needed.needs_factor(user):
        raise AuthenticationFailed(
            "A password alone is not enough for this user, who has or needs a second factor; tools use a "
            "personal token or a connected app."
        )
    if provider := people.only_by(user):
        raise AuthenticationFailed(
            f"{provider.organization} lets you log in by {provider} alone; tools use a personal token "
            "or a connected app."
        )
    logins.record_login(request._request, user)
    return user


def _app(request: Request, given: dict[str, str]) -> ConnectedApp:
    client_id, client_secret = _needed(given, "client_id", "client_secret")
    _check_attempts(request, client_id)
    app = tokens.app_of(client_id, client_secret)
    login_attempts.record(request._request, client_id, is_right=app is not None)
    if app is None:
        raise AuthenticationFailed("The client id or the client secret is wrong.")
    if app.has_expired:
        raise AuthenticationFailed(
            f"The connected app {app.name} expired on {app.expires_at:%Y-%m-%d}; an administrator can give "
            "it a later date under Administration > Connected apps."
        )
    return app


def _check_attempts(request: Request, name: str) -> None:
    seconds = login_attempts.wait_seconds(request._request, name)
    if seconds:
        raise Throttled(seconds, "Too many attempts with wrong credentials.")


def _needed(given: dict[str, str], *names: str) -> list[str]:
    missing = {name: [f"Needed for grant type {given['grant_type']}."] for name in names if name not in given}
    if missing:
        raise ValidationError(missing)
    return [given[name] for name in names]
