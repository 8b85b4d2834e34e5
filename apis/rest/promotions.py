"""REST: many APIs promoted at once: planned and looked at by a worker, then done by one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.bulk import choosing, running
from apis.bulk import promoting as many
from apis.bulk.models import BulkChange
from apis.models import ApiInstance
from apis.portable.rows import upstreams_of
from apis.portable.wanted import PARTS
from apis.promotions import choices, kept, promoting
from apis.rest import bodies, promotion, promotion_names, reach
from apis.rest import promotion_serializers as shapes
from apis.rest.import_serializers import ImportPreviewShape, previewed
from console.models import Environment, User
from console.permissions import Permission
from console.rest import access
from console.rest.serializers import REFUSALS, ErrorAnswer

ONE_PLACE = "All of them come from one environment; promote those of another one by themselves."
TWICE = "API {} is named twice."
TWO_WAYS = "Another of these APIs has other hosts for this secret group; a group has them once."
PROMOTE = BulkChange.Action.PROMOTE


@extend_schema(tags=["API instances"])
class PromotionsViews(ViewSet):
    @extend_schema(
        operation_id="promotions_create",
        request=shapes.PromotionsBody,
        responses={202: shapes.PromotionsShape, **REFUSALS},
    )
    def create(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """Plan the promotion of up to 100 APIs to this environment, and have each looked at. Nothing changes
        before it is started.
        """
        environment = reach.filled(request, organization_id, environment_id)
        body = reach.valid(shapes.PromotionsBody, request.data)
        change = _planned(access.caller(request), environment, body)
        return Response(shapes.shape(change), status=202)

    @extend_schema(
        operation_id="promotions_retrieve", responses={200: shapes.PromotionsShape, 404: ErrorAnswer}
    )
    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, promotions: UUID
    ) -> Response:
        """What each becomes or needs; then what became of it."""
        environment = reach.filled(request, organization_id, environment_id)
        return Response(shapes.shape(_change(request, environment, promotions)))

    @extend_schema(
        operation_id="promotions_difference", responses={200: ImportPreviewShape, 404: ErrorAnswer}
    )
    def difference(
        self, request: Request, organization_id: UUID, environment_id: UUID, promotions: UUID, api_id: int
    ) -> Response:
        """What would change of one of them, as long as it is not begun."""
        environment = reach.filled(request, organization_id, environment_id)
        change = _change(request, environment, promotions)
        item = change.items.select_related("plan").filter(api_key=api_id).first() if api_id < 2**63 else None
        origin = many.origin_of(change, item) if item else None
        if item is None or origin is None or change.state != BulkChange.State.ASKED:
            raise NotFound(f"API {api_id} is not among them, or they were begun.")
        it = many.choices_of(change, item.plan, origin, environment)
        whole = choices.wanted(change.by, origin, it)
        shown = promoting.preview(change.by, whole, it.counterpart)
        return Response(ImportPreviewShape(previewed(shown)).data)

    @extend_schema(
        operation_id="promotions_start",
        request=shapes.StartBody,
        responses={202: shapes.PromotionsShape, **REFUSALS},
    )
    def start(
        self, request: Request, organization_id: UUID, environment_id: UUID, promotions: UUID
    ) -> Response:
        """Promote those that are ready; the others are left out."""
        environment = reach.filled(request, organization_id, environment_id)
        change = _change(request, environment, promotions)
        body = reach.valid(shapes.StartBody, request.data)
        running.start(change, {**change.values, "deploy": body["deploy"]})
        change.refresh_from_db()
        return Response(shapes.shape(change), status=202)


def _change(request: Request, environment: Environment, pk: UUID) -> BulkChange:
    """The caller's own, to this environment."""
    rows = BulkChange.objects.filter(by=access.caller(request), action=PROMOTE)
    found = rows.select_related("environment__organization", "by").filter(pk=pk).first()
    if found is None or found.values.get("environment", str(environment.pk)) != str(environment.pk):
        raise NotFound(f"Promotion {pk} not found.")
    return found


@transaction.atomic
def _planned(user: User, environment: Environment, body: Mapping[str, Any]) -> BulkChange:
    given: dict[int, kept.Kept] = {}
    hosts: dict[str, list[str]] = {}
    source: Environment | None = None
    for at, told in enumerate(body["apis"]):
        with bodies.client_names(((r"(.+)", rf"apis.{at}.\1"),)):
            origin = promotion.origin_of(user, told["promote"]["originApiId"])
            if origin.pk in given:
                raise ValidationError({"promote.originApiId": [TWICE.format(origin.pk)]})
            if source and source.pk != origin.environment_id:
                raise ValidationError({"promote.originApiId": [ONE_PLACE]})
            source = origin.environment
            given[origin.pk] = _given(user, environment, origin, told)
            for group, one in (told["promote"].get("sentTo") or {}).items():
                if sorted(hosts.setdefault(group, one)) != sorted(one):
                    raise ValidationError({f"promote.sentTo.{group}": [TWO_WAYS]})
    assert source is not None
    if not source.permits(user, Permission.VIEW_POLICIES):
        raise access.lacking(Permission.VIEW_POLICIES, source)
    change = choosing.ask(user, source, PROMOTE, list(given))
    terms = {"takes_unknown": body["takesUnknown"], "parts": PARTS, "keeps_secrets": False}
    many.choose(change, environment, **terms, given={pk: one for pk, one in given.items() if one})
    if body["start"]:
        many.start_by_itself(change, deploy=body["deploy"])
    return change


def _given(user: User, environment: Environment, origin: ApiInstance, told: Mapping[str, Any]) -> kept.Kept:
    """What the body chose otherwise than it is proposed; {} where it chose nothing."""
    promote = told["promote"]
    counterpart = promotion.counterpart_of(origin, environment, promote.get("counterpartId"))
    usual = choices.proposed(user, origin, environment, counterpart)
    shared = promotion_names.shared_of(usual.shared, promote)
    uris = _uris(origin, told.get("upstreams", ()))
    endpoint, deployment = told.get("endpoint", {}), told.get("deployment")
    it = replace(
        usual,
        uris={**usual.uris, **uris},
        secrets=promotion_names.secrets_of(origin, promote, shared),
        shared=shared,
        parts=usual.parts - promotion.left_parts(promote),
        label=told.get("instanceLabel", usual.label),
        keeps_secrets=bool(promote.get("keepSecrets")),
        gateway=bodies.gateway_of(environment, deployment) if deployment else usual.gateway,
    )
    it = replace(it, sent_to=promotion_names.sent_to_of(origin, promote, it))
    if endpoint.get("proxyUri"):
        it = replace(it, **bodies.listener(endpoint["proxyUri"]))
    unknown = sorted(usual.unknown - {f"upstreams.{key}.uri" for key in uris})
    return kept.plain(it) | {"origin": promoting.digest(origin), "unknown": unknown}


def _uris(origin: ApiInstance, told: Any) -> dict[str, str]:
    keys = {str(row.pk): key for key, row in upstreams_of(origin).items()}
    found = {}
    for at, one in enumerate(told):
        if (key := keys.get(str(one["id"]))) is None:
            raise ValidationError({f"upstreams.{at}.id": [f"API {origin.pk} has no upstream {one['id']}."]})
        if one.keys() - {"id", "uri"}:
            raise ValidationError({f"upstreams.{at}": ["Only its URI is otherwise here."]})
        if "uri" in one:
            found[key] = one["uri"]
    return found
