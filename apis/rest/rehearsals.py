"""REST: what a gateway would do with a request to an API, rehearsed by a worker."""

from typing import Any
from uuid import UUID

import pydantic
import redis
from django.core.exceptions import ValidationError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.exceptions import APIException, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.forms import trying
from apis.rest import reach
from apis.rest.strict import StrictSerializer
from apis.testing import jobs, whole
from apis.testing.jobs import TryJob
from console.permissions import Permission
from console.rest import access
from console.rest.serializers import REFUSALS, ErrorAnswer
from gateways.models import Gateway
from gateways.protocol import rehearsal, spoken
from gateways.protocol.faults import dotted, ended, explained

TOO_MANY = f"The gateway has more than {whole.MOST_APIS} APIs; try a request on one of them."


class RehearsalBody(StrictSerializer):
    request = s.DictField(required=False, help_text="method, target, headers (pairs), body, from, seconds.")
    curl = s.CharField(
        required=False, max_length=65536, trim_whitespace=False, help_text="Instead of a request."
    )
    answers = s.JSONField(required=False, help_text="What upstreams answer: docs/rehearse.md.")
    on = s.ChoiceField(choices=("saved", "deployed"), default="saved")


class RehearsalShape(s.Serializer[Any]):
    id = s.CharField(source="key")
    state = s.ChoiceField(choices=("waiting", "working", "done"))
    fault = s.CharField(help_text="Why there is no verdict.")
    verdict = s.SerializerMethodField()

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get_verdict(self, job: TryJob) -> dict[str, Any] | None:
        return job.verdict.model_dump(mode="json", by_alias=True) if job.verdict else None


class Unavailable(APIException):
    status_code = 503


@extend_schema(tags=["Rehearsals"])
class RehearsalViews(ViewSet):
    @extend_schema(
        operation_id="rehearsal_start",
        request=RehearsalBody,
        responses={202: RehearsalShape, **REFUSALS, 503: ErrorAnswer},
    )
    def start(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Of each user the newest counts: one that waits still is dropped when another comes."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        body = reach.valid(RehearsalBody, request.data)
        asked = _asked(body, api.port)
        answers = [one.model_dump(mode="json", by_alias=True) for one in _answers(body.get("answers"))]
        try:
            found = whole.running(api) if body["on"] == "deployed" else whole.documents(api)
        except whole.NotDeployed:
            raise ValidationError({"on": ["The API is not deployed; try it on what is saved."]}) from None
        return _begun(
            request, api.pk, [{"resources": found, "answers": answers}, jobs.line_of(asked, foresees=True)]
        )

    @extend_schema(operation_id="rehearsal_retrieve", responses={200: RehearsalShape, 404: ErrorAnswer})
    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, key: str
    ) -> Response:
        """How far one of the user's own is; it is kept for ten minutes."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        return _answer(request, key, api.pk)


@extend_schema(tags=["Rehearsals"])
class GatewayRehearsalViews(ViewSet):
    @extend_schema(
        operation_id="gateway_rehearsal_start",
        request=RehearsalBody,
        responses={202: RehearsalShape, **REFUSALS, 503: ErrorAnswer},
    )
    def start(
        self, request: Request, organization_id: UUID, environment_id: UUID, gateway_id: UUID
    ) -> Response:
        """The same among all APIs of a gateway: which of them takes the request. `port` may be left out where
        all share one. It needs Manage gateways, and View policies, since the verdict tells of them.
        """
        gateway = _gateway(request, organization_id, environment_id, gateway_id)
        body = reach.valid(RehearsalBody, request.data)
        asked = _asked(body)
        answers = [one.model_dump(mode="json", by_alias=True) for one in _answers(body.get("answers"))]
        try:
            found = whole.of_gateway(gateway, is_saved=body["on"] == "saved")
        except whole.TooManyApis:
            raise ValidationError({"": [TOO_MANY]}) from None
        lines = [{"resources": found, "answers": answers}, jobs.line_of(asked, foresees=True)]
        return _begun(request, 0, lines, {"gateway": str(gateway.pk)})

    @extend_schema(
        operation_id="gateway_rehearsal_retrieve", responses={200: RehearsalShape, 404: ErrorAnswer}
    )
    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, gateway_id: UUID, key: str
    ) -> Response:
        """How far one of the user's own is; it is kept for ten minutes."""
        gateway = _gateway(request, organization_id, environment_id, gateway_id)
        return _answer(request, key, 0, {"gateway": str(gateway.pk)})


def _gateway(request: Request, organization_id: UUID, environment_id: UUID, gateway_id: UUID) -> Gateway:
    found = reach.gateway(request, organization_id, environment_id, gateway_id, Permission.MANAGE_GATEWAYS)
    access.environment(request, organization_id, environment_id, Permission.VIEW_POLICIES)
    return found


def _begun(
    request: Request, api: int, lines: list[dict[str, Any]], shown: dict[str, Any] | None = None
) -> Response:
    user = access.caller(request)
    try:
        job = jobs.ask(user, api, "rehearse", lines, shown or {})
    except (jobs.Away, redis.RedisError) as error:
        raise Unavailable(str(error)) from error
    return Response(RehearsalShape(job).data, status=202)


def _answer(request: Request, key: str, api: int, shown: dict[str, Any] | None = None) -> Response:
    try:
        job = jobs.found(access.caller(request), key)
    except redis.RedisError as error:
        raise Unavailable(jobs.AWAY.format("Valkey does not answer")) from error
    is_its = job is not None and job.api_id == api and job.kind == "rehearse"
    if job is None or not is_its or any(job.shown.get(name) != one for name, one in (shown or {}).items()):
        raise NotFound("There is no such rehearsal any more.")
    return Response(RehearsalShape(job).data)


def _asked(body: dict[str, Any], port: int | None = None) -> rehearsal.Request:
    if ("curl" in body) == ("request" in body):
        raise ValidationError({"request": ["Give a request, or a curl command in its place."]})
    try:
        given = spoken.curl(body["curl"]).fields() if "curl" in body else body["request"]
        asked = {"seconds": trying.SECONDS, **given, **({"port": port} if port else {})}
        return rehearsal.Request.model_validate(asked)
    except spoken.Unclear as error:
        raise ValidationError({"curl": [f"{error}."]}) from None
    except pydantic.ValidationError as error:
        told = [ended(f"{dotted(path)}: {message}") for path, message in explained(error, rehearsal.Request)]
        raise ValidationError({"request": told}) from None


def _answers(value: Any) -> tuple[rehearsal.Played, ...]:
    try:
        return trying.played(value)
    except ValueError as error:
        raise ValidationError({"answers": [ended(error)]}) from None
