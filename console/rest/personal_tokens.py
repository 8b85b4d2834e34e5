"""REST: personal tokens, listed and revoked. They are made on a page, by somebody who is logged in."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from console.models import Organization
from console.rest import access
from console.rest.serializers import ErrorAnswer
from console.rest.token_serializers import TokensAnswer, TokenShape, TokensQuery
from console.tokens import changes
from console.tokens.models import ByToken, PersonalToken, PersonalTokenQuerySet

REFUSED = {401: ErrorAnswer, 403: ErrorAnswer, 404: ErrorAnswer}


class OwnTokens(APIView):
    @extend_schema(
        operation_id="ownPersonalTokens",
        tags=["Accounts"],
        parameters=[TokensQuery],
        responses={200: TokensAnswer, **REFUSED},
    )
    def get(self, request: Request) -> Response:
        """Those of the caller that work. By a personal token: that one; by a connected app: none."""
        return _listed(request, _own(request))


class OwnToken(APIView):
    @extend_schema(operation_id="ownPersonalToken", tags=["Accounts"], responses={200: TokenShape, **REFUSED})
    def get(self, request: Request, token_id: int) -> Response:
        return Response(TokenShape(get_object_or_404(_own(request), pk=token_id)).data)

    @extend_schema(operation_id="revokeOwnPersonalToken", tags=["Accounts"], responses={204: None, **REFUSED})
    def delete(self, request: Request, token_id: int) -> Response:
        """It stops working at once. A personal token may revoke itself: whoever finds one lying about ends it
        with nothing but that.
        """
        changes.revoke(access.caller(request), get_object_or_404(_own(request), pk=token_id))
        return Response(status=204)


class Tokens(APIView):
    @extend_schema(
        operation_id="personalTokens",
        tags=["Accounts"],
        parameters=[TokensQuery],
        responses={200: TokensAnswer, **REFUSED},
    )
    def get(self, request: Request, organization_id: UUID) -> Response:
        """Those that work of people with a role in the organization or below, as far as they reach into it:
        for its administrators.
        """
        return _listed(request, _of(request, organization_id))


class Token(APIView):
    @extend_schema(operation_id="revokePersonalToken", tags=["Accounts"], responses={204: None, **REFUSED})
    def delete(self, request: Request, organization_id: UUID, token_id: int) -> Response:
        """It stops working at once, and its user is told."""
        token = get_object_or_404(_of(request, organization_id), pk=token_id)
        changes.revoke(access.caller(request), token)
        return Response(status=204)


def _own(request: Request) -> PersonalTokenQuerySet:
    caller = access.caller(request)
    rows = PersonalToken.objects.live().filter(user=caller)
    if isinstance(caller.through, ByToken):
        return rows.filter(pk=caller.through.token.pk)
    return rows if caller.through is None else rows.none()


def _of(request: Request, organization_id: UUID) -> PersonalTokenQuerySet:
    row, caller = access.administered(request, organization_id), access.caller(request)
    below = Organization.objects.filter(path__startswith=row.path)
    found = PersonalToken.objects.administered_by(caller) & PersonalToken.objects.reaching(below)
    return found.live()


def _listed(request: Request, found: PersonalTokenQuerySet) -> Response:
    query = TokensQuery(data=request.query_params)
    query.is_valid(raise_exception=True)
    page: Any = query.validated_data
    rows = found.select_related("user", "environment")
    shown = rows[page["offset"] : page["offset"] + page["limit"]]
    return Response({"data": TokenShape(shown, many=True).data, "total": found.count()})
