"""REST: the tests of an API, and the run of them all. A test's body is what its YAML says, as JSON."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.api_test import ApiTest, ApiTestRun
from apis.changes import tests as change
from apis.models import ApiInstance
from apis.rest import reach
from apis.rest.api_test_serializers import TestRunShape, TestShape, TestSummary
from apis.testing import runs
from console.permissions import Permission
from console.rest import access, nothing
from console.rest.serializers import REFUSALS, ErrorAnswer
from gateways.protocol import cases
from gateways.protocol.cases import Case, NoCases
from gateways.protocol.faults import ended
from policies import catalog

CASE = OpenApiTypes.OBJECT


@extend_schema(tags=["Tests"])
@extend_schema_view(
    list=extend_schema(responses={200: TestSummary(many=True), 404: ErrorAnswer}),
    retrieve=extend_schema(responses={200: TestShape, 404: ErrorAnswer}),
    create=extend_schema(request=CASE, responses={201: TestShape, **REFUSALS}),
    update=extend_schema(request=CASE, responses={200: TestShape, **REFUSALS}),
    destroy=extend_schema(responses={204: None, **REFUSALS}),
)
class TestViews(ViewSet):
    def list(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """What they came to; values that are sent or expected, which may be secret, are told to who may
        change them.
        """
        api = reach.instance(request, organization_id, environment_id, api_id)
        is_reader = Permission.MANAGE_APIS not in reach.may(request, api)
        return Response(TestSummary(api.tests.all(), many=True, context={"is_reader": is_reader}).data)

    def create(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Add a test: `{"name", "method", "target", "headers", "body", "answers", "expect"}`."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        made = change.add_test(access.caller(request), api, _case(request.data))
        return Response(TestShape(made).data, status=201)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, test_id: int
    ) -> Response:
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        return Response(TestShape(_test(api, test_id)).data)

    def update(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, test_id: int
    ) -> Response:
        """Put another in its place."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        made = change.edit_test(access.caller(request), _test(api, test_id), _case(request.data))
        return Response(TestShape(made).data)

    def destroy(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, test_id: int
    ) -> Response:
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        change.remove_test(access.caller(request), _test(api, test_id))
        return Response(status=204)


@extend_schema(tags=["Tests"])
class TestRunViews(ViewSet):
    @extend_schema(operation_id="test_run_retrieve", responses={200: TestRunShape, 404: ErrorAnswer})
    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int
    ) -> Response:
        """How far the last run is."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        going = ApiTestRun.objects.filter(api=api).first()
        if going is None:
            raise NotFound(f"The tests of API {api.pk} were never run.")
        return Response(TestRunShape(going).data)

    @extend_schema(operation_id="test_run_start", request=None, responses={202: TestRunShape, **REFUSALS})
    def start(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Have all of them run by a worker, on what is saved."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        nothing.check(request)
        return Response(TestRunShape(runs.start(access.caller(request), api)).data, status=202)


def _case(data: Any) -> Case:
    try:
        found = cases.understood(data if isinstance(data, dict) else None, catalog.own_name)
    except NoCases as error:
        raise ValidationError({"": [ended(error)]}) from error
    return found[0]


def _test(api: ApiInstance, pk: int) -> ApiTest:
    found = api.tests.filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise NotFound(f"Test {pk} of API {api.pk} not found.")
    found.api = api
    return found
