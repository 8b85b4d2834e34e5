"""Keeps revisions: each content once for its API, and which of them every gateway is to run.

Call it with the gateways locked, as every change of what runs there does.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.db import connection
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
    When,
)
from django.db.models.expressions import Combinable

from apis.models import ApiInstance
from apis.revision import Brought, Content, Revision
from apis.revisions import rows
from console.compiled import CompiledQuery
from gateways.models import Gateway

BATCH = 200

_ADOPT = """
    UPDATE apis_apiinstance AS api SET revision_id = made.revision, revision_generation = changed_generation
    FROM unnest(%s::bigint[], %s::bigint[]) AS made (api, revision) WHERE api.id = made.api
"""
_EXPLAIN = """
    UPDATE apis_brought AS brought SET revision_id = last.revision, replaced_id = last.replaced
    FROM (
        SELECT one.id, made.revision, made.replaced
        FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS made (api, revision, replaced)
        CROSS JOIN LATERAL (
            SELECT id FROM apis_brought WHERE api_id = made.api AND gateway_id = %s
            ORDER BY generation DESC LIMIT 1
        ) AS one
    ) AS last
    WHERE brought.id = last.id AND brought.revision_id IS NULL
"""


class Deployed(NamedTuple):
    """What is known of a deployed API without reading its revision's documents.

    `is_stale` says that a process of a release without revisions changed the API, or made it: what is to
    run is what its rows say.
    """

    api_id: int
    revision_id: int | None
    digest: str
    serves_with: UUID | None
    trusts_by: list[UUID]
    refers_to: list[str]
    resources_count: int
    is_stale: bool
    change_set: UUID | None


def deployed(gateway: Gateway) -> list[Deployed]:
    """What the gateway is to run, in the order of the APIs; each with a revision.

    Two queries, and some more where revisions were missing.
    """
    found = _deployed(gateway)
    if stale := {one.api_id: one.revision_id for one in found if one.is_stale}:
        _adopt(gateway, stale)
        found = _deployed(gateway)
    return found


def made(ids: Collection[int]) -> dict[int, Revision]:
    """The revision of what each API's rows say."""
    return keep(rows.contents(ids))


def keep(contents: Mapping[int, Content]) -> dict[int, Revision]:
    """The revision of each API's content: the one that it has, else a new one. Safe to repeat."""
    digests = {api: content.digests for api, content in contents.items()}
    found = _under_older_keys(digests)
    new = [_revision(api, digests[api][0], one) for api, one in contents.items() if api not in found]
    # One statement finds what is there, locks it, so that it is not forgotten meanwhile, or writes it.
    Revision.objects.bulk_create(
        new, BATCH, update_conflicts=True, unique_fields=["api", "digest"], update_fields=["port", "saved"]
    )
    return found | {one.api_id: one for one in new}


def _under_older_keys(digests: Mapping[int, list[str]]) -> dict[int, Revision]:
    """Those whose digest was made before the newest of GATEWRIGHT_ENCRYPTION_KEYS was added."""
    older = [digest for known in digests.values() for digest in known[1:]]
    if not older:
        return {}
    kept = Revision.objects.select_for_update(no_key=True).filter(api__in=digests, digest__in=older)
    return {one.api_id: one for one in kept.without_text().order_by("pk")}


def changed(generation: Combinable) -> dict[str, object]:
    """The fields of APIs whose shared parts changed with this generation, each running its revision on."""
    # An API that was changed without a revision stays so until one is made.
    return {
        "changed_generation": generation,
        "revision_generation": Case(
            When(revision_generation=F("changed_generation"), then=generation),
            default=F("revision_generation"),
            output_field=BigIntegerField(),
        ),
    }


def stale(apis: "QuerySet[ApiInstance]") -> "QuerySet[ApiInstance]":
    """Deployed, and without the revision that belongs to their last change."""
    return apis.filter(_STALE, is_deployed=True)


def adopt(api: ApiInstance) -> None:
    """Make the revision that the API lacks, if any, before its rows say what is not deployed.

    `api` is as the database has it now.
    """
    is_stale = api.revision_id is None or api.revision_generation != api.changed_generation
    if api.is_deployed and api.gateway and is_stale:
        _adopt(api.gateway, {api.pk: api.revision_id})
        api.refresh_from_db(fields=["revision", "revision_generation"])


def adopt_some(gateway: Gateway, most: int) -> int:
    """Make the revisions of so many APIs of the locked gateway that lack one; how many were made."""
    found = stale(ApiInstance.objects.filter(gateway=gateway)).order_by("pk")[:most]
    missing = dict(found.values_list("pk", "revision_id"))
    if missing:
        _adopt(gateway, missing)
    return len(missing)


_STALE = Q(revision=None) | Q(revision_generation=None) | ~Q(revision_generation=F("changed_generation"))


def _deployed_to(gateway: UUID) -> "QuerySet[ApiInstance, tuple[Any, ...]]":
    is_stale = ExpressionWrapper(_STALE, output_field=BooleanField())
    found = ApiInstance.objects.filter(gateway=gateway, is_deployed=True).order_by("pk")
    of_revision = [f"revision__{field}" for field in Deployed._fields[2:-2]]
    own = ["pk", "revision_id", *of_revision, "is_stale", "change_set_id"]
    return found.annotate(is_stale=is_stale).values_list(*own)


_DEPLOYED = CompiledQuery(_deployed_to, gateway=uuid4())


def _deployed(gateway: Gateway) -> list[Deployed]:
    return [Deployed(*one) for one in _DEPLOYED(gateway=gateway.pk)]


def _adopt(gateway: Gateway, replaced: Mapping[int, int | None]) -> None:
    """Make the revisions of these APIs' rows; what brought their last change then brought these."""
    revisions = made(replaced.keys())
    apis = list(revisions)
    made_ids, replaced_ids = [revisions[api].pk for api in apis], [replaced[api] for api in apis]
    with connection.cursor() as cursor:
        cursor.execute(_EXPLAIN, [apis, made_ids, replaced_ids, gateway.pk])
        cursor.execute(_ADOPT, [apis, made_ids])


def replaced(api: ApiInstance, gateways: Collection[UUID]) -> dict[UUID, int | None]:
    """The revision of the API that each of these gateways was to run last."""
    if set(gateways) <= {api.gateway_id}:
        return dict.fromkeys(gateways, api.revision_id)
    found = Brought.objects.filter(api=api, gateway__in=gateways).order_by("gateway_id", "-generation")
    return dict(found.distinct("gateway_id").values_list("gateway_id", "revision_id"))


def _revision(api: int, digest: str, content: Content) -> Revision:
    return Revision(
        api_id=api,
        digest=digest,
        protocol=content.address.scheme,
        port=content.address.port or 0,
        base_path=content.address.path,
        serves_with=content.serves_with,
        trusts_by=content.trusts_by,
        refers_to=content.refers_to,
        resources_count=len(content.documents),
        documents=content.text.decode(),
        secrets=content.secrets or None,
        saved=content.saved(),
    )
