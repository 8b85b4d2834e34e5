"""REST: the people of an organization."""

from uuid import UUID

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from console.models import Organization, Role, User
from console.permissions import Permission
from console.rest import access
from console.rest.member_serializers import MembersAnswer, MembersQuery, PersonShape
from console.rest.serializers import ErrorAnswer

NAMES = ("username", "email", "first_name", "last_name")


class Members(APIView):
    @extend_schema(
        operation_id="members",
        tags=["Accounts"],
        parameters=[MembersQuery],
        responses={200: MembersAnswer, 400: ErrorAnswer, 403: ErrorAnswer, 404: ErrorAnswer},
    )
    def get(self, request: Request, organization_id: UUID) -> Response:
        """Who holds a role in the organization, in person or by a team, for its administrators. Who holds it
        from above is there for those who administer what is above, too.
        """
        row = access.administered(request, organization_id)
        query = MembersQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        page = query.validated_data
        found = _people(access.caller(request), row).order_by("username")
        if text := page.get("search"):
            found = found.filter(_any_name(text))
        shown = found[page["offset"] : page["offset"] + page["limit"]]
        return Response({"data": PersonShape(shown, many=True).data, "total": found.count()})


def _people(caller: User, row: Organization) -> QuerySet[User]:
    above = [part for part in row.path.split("/") if part]
    known = Organization.objects.where(caller, Permission.ADMINISTER_ORGANIZATION).filter(pk__in=above)
    here = Q(organization=row) | Q(organization__in=known, environment=None)
    return User.objects.filter(Role.objects.filter(here).holders())


def _any_name(text: str) -> Q:
    found = Q()
    for name in NAMES:
        found |= Q(**{f"{name}__icontains": text})
    return found
