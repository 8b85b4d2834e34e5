"""REST: an instance made of another one, as clients promote them from environment to environment."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from apis.assets.models import Asset
from apis.changes import copies
from apis.desired import DesiredUpstream, NewAsset
from apis.models import ApiInstance, Upstream
from apis.portable.rows import policies_of
from apis.portable.wanted import PARTS
from apis.promotions import choices, promoting
from apis.rest import bodies
from apis.rules import copies as rules
from apis.rules import copy_secrets, upstream_uri
from apis.rules.copies import Copy
from console.models import Environment, User
from console.permissions import Permission

NAMES: bodies.Names = (
    (r"secrets\.(\d+)\.(.*)", r"promote.secrets.\1.\2"),
    (r"policies\.(\d+)", "promote.policies"),
    (r"upstreams\.([0-9a-f-]{36})\.uri", r"upstreams.\1.uri"),
    (r"upstreams\.([0-9a-f-]{36})\.tls_context", r"upstreams.\1.tlsContext"),
)
KEPT = (
    "{} of {} in {} was copied with the policy; give it another value if the environments are not to share it"
)
ORIGINS = ("routing", "description", "tags", "assetVersion", "deprecated")
NOT_BESIDE_UPDATE = "What is there keeps its own; change it by PATCH of the API."
NOT_BESIDE = "A copy has its origin's; leave it out, and change it when the copy is there."


def promoted(
    actor: User, environment: Environment, body: Mapping[str, Any]
) -> tuple[ApiInstance, dict[str, list[str]]]:
    """The new instance, and what is to be said of it. Raises ValidationError."""
    bodies.check_technology(body)
    told = body["promote"]
    origin = origin_of(actor, told["originApiId"])
    if told.get("counterpartId"):
        return _updated(actor, environment, origin, body)
    copy = _wanted(environment, origin, body)
    is_here = origin.environment_id == environment.pk
    may_keep = not is_here and copies.may_edit(actor, origin)
    keeps = may_keep if told.get("keepSecrets") is None else told["keepSecrets"]
    copy = replace(copy, keeps_secrets=keeps, with_tiers=False)
    deployment = body.get("deployment") or {}
    deploy = deployment.get("expectedStatus") == "deployed"
    made = copies.copy_api(actor, origin, copy, deploy=deploy)
    parts = frozenset(name for name in ("tiers", "alerts") if _all(told.get(name)))
    notes = promoting.note_made(actor, origin, made, parts)
    said = {} if is_here else _kept(origin, copy)
    return made, said | ({"promote": list(notes)} if notes else {})


def _updated(
    actor: User, environment: Environment, origin: ApiInstance, body: Mapping[str, Any]
) -> tuple[ApiInstance, dict[str, list[str]]]:
    """What the origin was promoted to before, as the origin is now: what differs there stays."""
    told = body["promote"]
    if more := sorted(body.keys() - {"promote", "instanceLabel", "technology", "deployment"}):
        raise ValidationError({name: [NOT_BESIDE_UPDATE] for name in more})
    found = counterpart_of(origin, environment, told["counterpartId"])
    usual = choices.proposed(actor, origin, environment, found)
    wanted = replace(
        usual,
        secrets=secrets_of(origin, told),
        parts=usual.parts - left_parts(told),
        label=body.get("instanceLabel") or usual.label,
    )
    deployment = body.get("deployment") or {}
    deploy = deployment.get("expectedStatus") == "deployed"
    made = promoting.promote(actor, origin, wanted, deploy=deploy)
    return made.api, {"promote": list(made.notes)} if made.notes else {}


def counterpart_of(origin: ApiInstance, environment: Environment, pk: int | None) -> ApiInstance | None:
    """What it was promoted to there before, by its id. Raises ValidationError."""
    if pk is None:
        return None
    found = next((one for one in choices.counterparts(origin, environment) if one.pk == pk), None)
    if found is None:
        message = f"API {origin.pk} was not promoted to {pk}; leave it out to make a new one."
        raise ValidationError({"promote.counterpartId": [message]})
    return found


def secrets_of(origin: ApiInstance, told: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    """By the keys of policies."""
    keys = {row.pk: key for key, row in policies_of(origin).items()}
    return {keys[int(pk)]: it for pk, it in (told.get("secrets") or {}).items() if int(pk) in keys}


def left_parts(told: Mapping[str, Any]) -> set[str]:
    return {name for name in PARTS if not _all(told.get(name))}


def origin_of(actor: User, pk: int) -> ApiInstance:
    """Who may not see its policies takes none of them anywhere. Raises ValidationError."""
    rows = ApiInstance.objects.permitting(actor.held(), Permission.VIEW_POLICIES).select_related(
        "asset__organization", "gateway", "tls_context", "environment__organization"
    )
    found = rows.filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise ValidationError({"promote.originApiId": [f"API {pk} not found."]})
    return found


def _wanted(environment: Environment, origin: ApiInstance, body: Mapping[str, Any]) -> Copy:
    """As the origin is, but for what the body names."""
    told, endpoint = body["promote"], body.get("endpoint", {})
    _refuse_the_rest(body)
    copy = replace(rules.as_it_is(origin, environment), gateway=None)
    if endpoint.get("proxyUri"):
        copy = replace(copy, **bodies.listener(endpoint["proxyUri"]))
    contexts = endpoint.get("tlsContexts") or {}
    if contexts.get("inbound"):
        copy = replace(
            copy, tls_context=bodies.named_context(environment, contexts["inbound"], "tls_context")
        )
    elif copy.protocol != ApiInstance.Protocol.HTTPS:
        copy = replace(copy, tls_context=None)
    if deployment := body.get("deployment"):
        copy = replace(copy, gateway=bodies.gateway_of(environment, deployment))
    if "spec" in body:
        copy = replace(copy, asset=_asset(environment, origin, body))
    names = {"label": "instanceLabel", "consumer_endpoint": "endpointUri"}
    given: dict[str, Any] = {name: body[sent] or "" for name, sent in names.items() if sent in body}
    return replace(
        copy,
        **given,
        upstreams=_upstreams(environment, origin, copy, body),
        with_policies=_all(told.get("policies")),
        with_tests=_all(told.get("tests")),
        secrets={int(pk): values for pk, values in (told.get("secrets") or {}).items()},
    )


def _refuse_the_rest(body: Mapping[str, Any]) -> None:
    """What is the origin's in each copy: it can be changed when the copy is there."""
    endpoint = body.get("endpoint", {})
    said = [name for name in ORIGINS if body.get(name)]
    said += ["endpoint.responseTimeout"] if endpoint.get("responseTimeout") else []
    said += ["endpoint.tlsContexts.outbound"] if (endpoint.get("tlsContexts") or {}).get("outbound") else []
    if said:
        raise ValidationError({name: [NOT_BESIDE] for name in said})


def _all(told: Mapping[str, Any] | None) -> bool:
    return True if told is None else bool(told["allEntities"])


def _asset(environment: Environment, origin: ApiInstance, body: Mapping[str, Any]) -> Asset | NewAsset:
    """A new asset gets the origin's document."""
    found = bodies.asset(environment, body["spec"], body)
    if isinstance(found, Asset):
        return found
    was = origin.asset
    return replace(found, api_version=was.api_version, type=was.type, specification=was.specification)


def _upstreams(
    environment: Environment, origin: ApiInstance, copy: Copy, body: Mapping[str, Any]
) -> dict[UUID, DesiredUpstream]:
    rows = {row.pk: row for row in origin.upstreams.all()}
    found = dict(copy.upstreams)
    for at, told in enumerate(_told_upstreams(rows, body)):
        key, field = told["id"], f"upstreams.{at}"
        if key not in found:
            raise ValidationError({f"{field}.id": [f"API {origin.pk} has no upstream {key}."]})
        uri = told.get("uri") or found[key].uri
        context = found[key].tls_context if upstream_uri.has_tls(uri) else None
        if told.get("tlsContext"):
            context = bodies.named_context(environment, told["tlsContext"], f"{field}.tls_context")
        label = told.get("label", found[key].label) or ""
        found[key] = replace(found[key], uri=uri, label=label, tls_context=context)
    return found


def _told_upstreams(rows: Mapping[UUID, Upstream], body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """`endpoint.uri` is that of the only upstream."""
    told = list(body.get("upstreams") or ())
    if uri := body.get("endpoint", {}).get("uri"):
        if len(rows) != 1:
            raise ValidationError(
                {"endpoint.uri": ["The origin has several upstreams; name them in upstreams."]}
            )
        told.append({"id": next(iter(rows)), "uri": uri})
    return told


def _kept(origin: ApiInstance, copy: Copy) -> dict[str, list[str]]:
    """Which secrets came along from the other environment."""
    if not copy.keeps_secrets or not copy.with_policies:
        return {}
    return {
        f"promote.secrets.{one.binding.pk}.{one.path}": [
            KEPT.format(one.label, one.binding.title, origin.environment)
        ]
        for one in copy_secrets.held(list(origin.policies.all()))
        if not copy.secrets.get(one.binding.pk, {}).get(one.path)
    }
