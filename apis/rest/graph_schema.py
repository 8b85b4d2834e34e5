"""What can be asked by GraphQL, and how it is answered: assets, and the catalog's policies.

Imported with the first query: the library takes a tenth of the console's start.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from graphql import (
    ExecutionResult,
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLError,
    GraphQLField,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLString,
    execute,
    parse,
    validate,
)

from apis.assets.models import Asset
from console.models import Organization, User
from console.permissions import Permission
from policies import catalog
from policies.policy import CATALOG_GROUP, Policy

POLICY = "policy"
MOST_TOKENS, MOST_FIELDS = 1_000, 20
MOST_ASSETS, LAST_OFFSET = 100, 10_000


@dataclass(frozen=True)
class File:
    """`external_link` is an address that needs no login."""

    classifier: str
    external_link: str


@dataclass(frozen=True)
class AssetNode:
    group_id: str
    asset_id: str
    version: str
    name: str
    type: str
    description: str = ""
    created_at: datetime | None = None


def answer(
    request: HttpRequest, user: User, query: str, variables: dict[str, Any], operation: str | None
) -> ExecutionResult:
    try:
        document = parse(query, max_tokens=MOST_TOKENS, no_location=True)
    except (GraphQLError, RecursionError) as error:
        wrong = error if isinstance(error, GraphQLError) else GraphQLError("It is nested too deeply.")
        return ExecutionResult(None, [wrong])
    if wrong_ones := validate(_SCHEMA, document, max_errors=MOST_FIELDS):
        return ExecutionResult(None, wrong_ones)
    context = {"request": request, "user": user, "left": MOST_FIELDS}
    result = execute(
        _SCHEMA, document, context_value=context, variable_values=variables, operation_name=operation
    )
    assert isinstance(result, ExecutionResult)  # no resolver is asynchronous
    return result


def _assets(_: Any, info: GraphQLResolveInfo, **asked: Any) -> list[AssetNode]:
    """Each further field of a query costs a look into the database: a query has so many."""
    _spend(info)
    limit = min(max(asked.get("limit", 20), 0), MOST_ASSETS)
    offset = max(asked.get("offset", 0), 0)
    if offset > LAST_OFFSET:
        raise GraphQLError(f"offset is {LAST_OFFSET:,} at most; search for less.")
    term = (asked.get("searchTerm") or "").casefold()
    types = {one.strip() for one in (asked.get("types") or "").split(",") if one.strip()}
    policies = [
        _policy(one)
        for one in (catalog.policies() if not types or POLICY in types else ())
        if not asked.get("organizationIds") or CATALOG_GROUP in asked["organizationIds"]
        if term in one.name or term in one.title.casefold()
    ]
    rows = Asset.objects.filter(organization__in=_organizations(info, asked.get("organizationIds")))
    if types:
        rows = rows.filter(type__in=types)
    if term:
        rows = rows.filter(name__icontains=term)
    rows = rows.order_by("name", "organization", "asset_id", "-created_at")
    if asked.get("latestVersionsOnly"):
        rows = rows.distinct("name", "organization", "asset_id")
    found = [_asset(one) for one in rows[: offset + limit]]
    return [*found, *policies][offset : offset + limit]


def _one(_: Any, info: GraphQLResolveInfo, group: str, asset: str, version: str = "") -> AssetNode:
    _spend(info)
    try:
        if group == CATALOG_GROUP:
            return _policy(catalog.find(asset))
    except catalog.UnknownPolicy:
        raise GraphQLError("Asset not found") from None
    rows = Asset.objects.filter(organization__in=_organizations(info, [group]), asset_id=asset)
    named = rows.filter(version=version) if version else rows.order_by("-created_at")
    if (row := named.first()) is None:
        raise GraphQLError("Asset not found")
    return _asset(row)


def _spend(info: GraphQLResolveInfo) -> None:
    info.context["left"] -= 1
    if info.context["left"] < 0:
        raise GraphQLError(f"A query asks for assets {MOST_FIELDS} times at most.")


def _organizations(info: GraphQLResolveInfo, ids: Sequence[str] | None) -> Any:
    visible = Organization.objects.visible_to(info.context["user"], Permission.VIEW_APIS)
    if not ids:
        return visible
    wanted = [one for one in visible.values_list("pk", flat=True) if str(one) in ids]
    return visible.filter(pk__in=wanted)


def _files(found: AssetNode, info: GraphQLResolveInfo) -> list[File]:
    if found.type != POLICY:
        return []
    path = reverse("rest_policy_definition", args=[found.asset_id, found.version])
    return [File("policy-definition", info.context["request"].build_absolute_uri(path))]


def _policy(entry: Policy[Any]) -> AssetNode:
    return AssetNode(CATALOG_GROUP, entry.name, entry.version, entry.title, POLICY, entry.summary)


def _asset(row: Asset) -> AssetNode:
    return AssetNode(
        str(row.organization_id), row.asset_id, row.version, row.name, row.type, created_at=row.created_at
    )


def _when(found: AssetNode, info: GraphQLResolveInfo) -> str | None:
    """Versions of assets are never changed: they are updated when they are made."""
    return found.created_at.isoformat() if found.created_at else None


def _field(attribute: str) -> GraphQLField:
    return GraphQLField(GraphQLString, resolve=lambda found, info: getattr(found, attribute))


_FILE = GraphQLObjectType(
    "File", {"classifier": _field("classifier"), "externalLink": _field("external_link")}
)
_ASSET = GraphQLObjectType(
    "Asset",
    {
        "groupId": _field("group_id"),
        "assetId": _field("asset_id"),
        "version": _field("version"),
        "name": _field("name"),
        "type": _field("type"),
        "description": _field("description"),
        "createdDate": GraphQLField(GraphQLString, resolve=_when),
        "updatedDate": GraphQLField(GraphQLString, resolve=_when),
        "files": GraphQLField(GraphQLList(_FILE), resolve=_files),
    },
)
_TEXTS = GraphQLList(GraphQLNonNull(GraphQLString))
_QUERY = GraphQLObjectType(
    "Query",
    {
        "assets": GraphQLField(
            GraphQLList(_ASSET),
            args={
                "types": GraphQLArgument(GraphQLString),
                "limit": GraphQLArgument(GraphQLInt),
                "offset": GraphQLArgument(GraphQLInt),
                "searchTerm": GraphQLArgument(GraphQLString),
                "organizationIds": GraphQLArgument(_TEXTS),
                "latestVersionsOnly": GraphQLArgument(GraphQLBoolean),
            },
            resolve=_assets,
        ),
        "asset": GraphQLField(
            _ASSET,
            args={
                "groupId": GraphQLArgument(GraphQLNonNull(GraphQLString), out_name="group"),
                "assetId": GraphQLArgument(GraphQLNonNull(GraphQLString), out_name="asset"),
                "version": GraphQLArgument(GraphQLString),
            },
            resolve=_one,
        ),
    },
)
_SCHEMA = GraphQLSchema(_QUERY)
