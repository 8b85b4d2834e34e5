"""REST: what an API is marked with: tags one by one, its owners, a pin, and how it is found by its name."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes import owners, tags
from apis.lists import pins
from apis.models import ApiInstance
from apis.rest import answers, bodies, instances, reach
from apis.rest.mark_serializers import ApiOwnersShape, AutodiscoveryShape, OwnersBody, TagsShape
from console.rest import access, nothing
from console.rest.serializers import REFUSALS, ErrorAnswer

OF_OWNERS: bodies.Names = ((r"owner", "owners"),)


@extend_schema(tags=["API instances"])
class TagViews(ViewSet):
    @extend_schema(operation_id="tag_add", request=None, responses={200: TagsShape, **REFUSALS})
    def add(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, tag: str
    ) -> Response:
        """Tag an instance; nothing changes where it has the tag."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        nothing.check(request)
        tags.add_tags(access.caller(request), api, [tag])
        return Response(TagsShape(api).data)

    @extend_schema(operation_id="tag_remove", responses={204: None, 404: ErrorAnswer})
    def remove(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, tag: str
    ) -> Response:
        """Nothing changes where it does not have the tag."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        tags.remove_tags(access.caller(request), api, [tag])
        return Response(status=204)


@extend_schema(tags=["API instances"])
class OwnerViews(ViewSet):
    @extend_schema(operation_id="owners", responses={200: ApiOwnersShape, 404: ErrorAnswer})
    def list(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Who answers for an instance."""
        return _owners(reach.instance(request, organization_id, environment_id, api_id))

    @extend_schema(operation_id="owners_set", request=OwnersBody, responses={200: ApiOwnersShape, **REFUSALS})
    def put(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """These, and nobody else."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        body = reach.valid(OwnersBody, request.data)
        with bodies.client_names(OF_OWNERS):
            owners.set_owners(access.caller(request), api, body["owners"])
        return _owners(api)


@extend_schema(tags=["API instances"])
class PinViews(ViewSet):
    @extend_schema(
        operation_id="pin",
        request=None,
        responses={
            200: answers.InstanceShape,
            201: answers.InstanceShape,
            400: ErrorAnswer,
            404: ErrorAnswer,
        },
    )
    def pin(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """For the caller alone; 200 where it is pinned already."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        nothing.check(request)
        is_new = pins.pin(access.caller(request), api)
        return instances.answer(request, api, 201 if is_new else 200)

    @extend_schema(operation_id="unpin", responses={204: None, 404: ErrorAnswer})
    def unpin(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Nothing changes where it is not pinned."""
        pins.unpin(access.caller(request), reach.instance(request, organization_id, environment_id, api_id))
        return Response(status=204)


@extend_schema(tags=["API instances"])
class AutodiscoveryViews(ViewSet):
    @extend_schema(
        operation_id="autodiscovery_properties", responses={200: AutodiscoveryShape, 404: ErrorAnswer}
    )
    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int
    ) -> Response:
        """By which names an instance is found; gateways here need none of them."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        return Response(AutodiscoveryShape(api).data)


def _owners(api: ApiInstance) -> Response:
    found = list(api.owners.select_related("user", "team"))
    return Response(ApiOwnersShape({"total": len(found), "owners": found}).data)
