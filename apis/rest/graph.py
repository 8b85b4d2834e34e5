"""GraphQL: what the command line asks of assets; policies of the catalog are some of them.

The requests are those of Anypoint's client (their token is a variable, and no header). What it sends beside
them, such as variables that no query declares, is passed over, as GraphQL says.
"""

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apis.rest import graph_serializers as shapes
from console.models import User
from console.rest import access, authentication


class VariableAuthentication(authentication.BearerAuthentication):
    """The token as `variables.accessToken`, where it is in no header."""

    def authenticate(self, request: Request) -> tuple[User, authentication.Token] | None:
        if found := super().authenticate(request):
            return found
        try:
            body = request.data
        except APIException:
            return None  # Whoever it is from, it is no query.
        variables = body.get("variables") if isinstance(body, dict) else None
        token = variables.get("accessToken") if isinstance(variables, dict) else None
        return authentication.of_token(token) if isinstance(token, str) and token else None


class Graph(APIView):
    authentication_classes = (VariableAuthentication,)

    @extend_schema(
        tags=["Assets"],
        operation_id="graphql",
        auth=[{"bearer": []}],  # type: ignore[list-item]  # as OpenAPI has it; typed otherwise
        request=shapes.GraphQuery,
        responses={200: shapes.GraphAnswer},
    )
    def post(self, request: Request) -> Response:
        """Assets of your organizations, and the catalog's policies: `assets` and `asset`."""
        from apis.rest.graph_schema import answer  # not earlier: few consoles are asked

        body = shapes.GraphQuery(data=request.data)
        body.is_valid(raise_exception=True)
        user = access.caller(request)
        asked = body.validated_data
        told = answer(
            request._request,
            user,
            asked["query"],
            asked.get("variables") or {},
            asked.get("operationName") or None,
        )
        return Response(told.formatted)
