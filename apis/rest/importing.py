"""REST: APIs from a file: uploaded, read by a worker, then made or brought up to date, as on the page."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.portable import mentioned
from apis.portable.shared import new_groups
from apis.portable.written import variables_of
from apis.promotions import importing, promoting
from apis.promotions.choices import Choices
from apis.promotions.models import Upload
from apis.promotions.promoting import PromotionPreview
from apis.rest import bodies, reach
from apis.rest import import_serializers as shapes
from apis.rest.answers import InstanceShape
from apis.rest.documents import NAME, FileParser
from apis.rest.instances import answer
from console.models import Environment
from console.rest import access
from console.rest.parsers import BoundedJSONParser
from console.rest.serializers import REFUSALS, ErrorAnswer
from gateways import lookup

_NAMES: bodies.Names = (
    (r"upstreams\.([\w.@-]+)\.uri", r"upstreams.\1"),
    (r"upstreams\.([\w.@-]+)\.tls_context", "tlsContexts"),
    (r"tls_context", "tlsContexts"),
    (r"(base_path|port|protocol)", "proxyUri"),
    (r"gateway", "targetId"),
    (r"sent_to\.(.+)", r"sentTo.\1"),
)


NO_GROUP = "No secret group of that name is made."


@extend_schema(tags=["Export and import"])
class ImportViews(ViewSet):
    def get_parsers(self) -> list[BaseParser]:
        is_file = self.request is not None and not self.request.path.rstrip("/").rpartition("/")[2].isdigit()
        return [FileParser() if is_file else BoundedJSONParser()]

    @extend_schema(
        operation_id="import_upload",
        parameters=[NAME],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={202: shapes.ImportShape, **REFUSALS},
    )
    def create(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """Keep a file and have it read. It is kept for a day."""
        environment = reach.filled(request, organization_id, environment_id)
        name = request.query_params.get("name") or "apis.yaml"
        file = SimpleUploadedFile(name, request.data if isinstance(request.data, bytes) else b"")
        row = importing.upload(access.caller(request), environment, file)
        return Response(shapes.shape(row), status=202)

    @extend_schema(operation_id="import_retrieve", responses={200: shapes.ImportShape, 404: ErrorAnswer})
    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, import_id: UUID
    ) -> Response:
        """How reading it goes; then its APIs, with what is asked for each, or what is wrong."""
        environment = reach.filled(request, organization_id, environment_id)
        return Response(shapes.shape(_row(request, environment, import_id)))

    @extend_schema(
        operation_id="import_take",
        request=shapes.ImportBody,
        responses={200: InstanceShape, 201: InstanceShape, **REFUSALS},
    )
    def take(
        self, request: Request, organization_id: UUID, environment_id: UUID, import_id: UUID, at: int
    ) -> Response:
        """Make the API of this place in the file, or bring the one that is there up to date; once. With
        `dryRun` the answer says what would change.
        """
        environment = reach.filled(request, organization_id, environment_id)
        row = _row(request, environment, import_id)
        body = reach.valid(shapes.ImportBody, request.data)
        if row.state == Upload.State.READ and at >= len(row.apis):
            raise NotFound(f"The file has no API {at}; its first is 0.")
        with bodies.client_names((*_secrets(row, at, body.get("sharedSecrets", {})), *_NAMES)):
            choices = _choices(row, at, body)
            if body["dryRun"]:
                whole = importing.wanted(row, at, choices)
                return _previewed(promoting.preview(access.caller(request), whole, choices.counterpart))
            made = importing.take(access.caller(request), row, at, choices, deploy=body["deploy"])
        said = {"import": list(made.notes)} if made.notes else {}
        return answer(request, made.api, 200 if choices.counterpart else 201, is_changed=True, said=said)


def _row(request: Request, environment: Environment, import_id: UUID) -> Upload:
    rows = Upload.objects.filter(by=access.caller(request), environment=environment)
    row = rows.select_related("by").filter(pk=import_id).first()
    if row is None:
        raise NotFound(f"Import {import_id} not found.")
    row.environment = environment
    return row


def _choices(row: Upload, at: int, body: dict[str, Any]) -> Choices:
    if row.state != Upload.State.READ:
        raise ValidationError({"": [ValidationError(importing.NOT_READ, code="conflict")]})
    whole = importing.apis_of(row)[at]
    there = importing.counterpart(row.environment, whole) if body["update"] else None
    choices = importing.proposed(row.environment, whole, there)
    if body.get("targetId"):
        choices = replace(choices, gateway=lookup.chosen(row.environment, str(body["targetId"])))
    if "proxyUri" in body:
        choices = replace(choices, **bodies.listener(body["proxyUri"]))
    if "instanceLabel" in body:
        choices = replace(choices, label=body["instanceLabel"])
    given = body.get("upstreams", {})
    if unknown := sorted(given.keys() - choices.uris.keys()):
        raise ValidationError({f"upstreams.{unknown[0]}": ["The file has no upstream of that name."]})
    contexts = body.get("tlsContexts", {})
    shared = body.get("sharedSecrets", {})
    if unknown := sorted(shared.keys() - choices.shared.keys()):
        raise ValidationError(
            {f"sharedSecrets.{unknown[0]}": ["The file has no shared secret of that name."]}
        )
    if wrong := sorted(name for name, it in shared.items() if not re.fullmatch(r"[^/\s]+/[^/\s]+", it)):
        raise ValidationError({f"sharedSecrets.{wrong[0]}": ["Write it as group/name."]})
    choices = replace(choices, shared={**choices.shared, **shared})
    whole = mentioned.renamed(whole, choices.shared)
    sent_to = body.get("sentTo", {})
    if unknown := sorted(sent_to.keys() - new_groups(row.environment, whole).keys()):
        raise ValidationError({f"sent_to.{unknown[0]}": [NO_GROUP]})
    named = {name: (policy, path) for name, policy, path in variables_of(whole)}
    if strange := sorted(body.get("secrets", {}).keys() - named.keys()):
        raise ValidationError({f"secrets.{strange[0]}": ["The file has no secret of that name."]})
    secrets: dict[str, dict[str, str]] = {}
    for name, value in body.get("secrets", {}).items():
        policy, path = named[name]
        secrets.setdefault(policy, {})[path] = value
    return replace(
        choices,
        uris={**choices.uris, **given},
        contexts={key: contexts.get(one, one) for key, one in choices.contexts.items()},
        tls_context=contexts.get(choices.tls_context, choices.tls_context),
        secrets=secrets,
        sent_to=sent_to,
    )


def _secrets(row: Upload, at: int, shared: Mapping[str, str]) -> bodies.Names:
    if row.state != Upload.State.READ:
        return ()
    found = variables_of(mentioned.renamed(importing.apis_of(row)[at], shared))
    return tuple((re.escape(f"secrets.{policy}.{path}"), f"secrets.{name}") for name, policy, path in found)


def _previewed(shown: PromotionPreview) -> Response:
    return Response(shapes.ImportPreviewShape(shapes.previewed(shown)).data)
