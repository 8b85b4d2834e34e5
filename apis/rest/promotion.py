"""REST: an instance made of another one, as clients promote them from environment to environment."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from apis.assets.models import Asset
from apis.changes import copies
from apis.desired import DesiredUpstream, NewAsset
from apis.models import ApiInstance, TlsContext, Upstream
from apis.portable.rows import upstreams_of
from apis.portable.shape import AssetPart, Portable
from apis.portable.wanted import PARTS
from apis.promotions import choices, permission, promoting
from apis.rest import bodies
from apis.rest import promotion_names as names
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
SAME_HERE = "In its own environment a copy mentions the shared secrets that the origin does; leave it out."
NO_NEW_GROUP = "In its own environment a copy makes no secret group; leave it out."
NOT_BESIDE = "A copy has its origin's; leave it out, and change it when the copy is there."


def promoted(
    actor: User, environment: Environment, body: Mapping[str, Any]
) -> tuple[ApiInstance, dict[str, list[str]]]:
    """The instance that was made or brought up to date, and what is to be said of it. Raises ValidationError.

    In its own environment it is a copy; to another one it is promoted as pages promote it.
    """
    bodies.check_technology(body)
    origin = origin_of(actor, body["promote"]["originApiId"])
    if body["promote"].get("counterpartId"):
        return _updated(actor, environment, origin, body)
    _refuse_the_rest(body)
    if origin.environment_id == environment.pk:
        return _copied(actor, environment, origin, body)
    return _brought(actor, environment, origin, body)


def _copied(
    actor: User, environment: Environment, origin: ApiInstance, body: Mapping[str, Any]
) -> tuple[ApiInstance, dict[str, list[str]]]:
    told = body["promote"]
    if told.get("sharedSecrets") or any("/" in name for name in told.get("secrets") or ()):
        raise ValidationError({"promote.sharedSecrets": [SAME_HERE]})
    if told.get("sentTo"):
        raise ValidationError({"promote.sentTo": [NO_NEW_GROUP]})
    copy = replace(_wanted(environment, origin, body), with_tiers=False)
    made = copies.copy_api(actor, origin, copy, deploy=_deploys(body))
    parts = frozenset(name for name in ("tiers", "alerts") if _all(told.get(name)))
    return made, _said(promoting.note_made(actor, origin, made, parts))


def _brought(
    actor: User, environment: Environment, origin: ApiInstance, body: Mapping[str, Any]
) -> tuple[ApiInstance, dict[str, list[str]]]:
    """A new one: what the body does not say is as it was promoted before, else as the origin is."""
    told = body["promote"]
    it = _chosen(actor, environment, origin, body)
    labels = {one["id"]: one["label"] or "" for one in body.get("upstreams") or () if "label" in one}
    asset = _part(_asset(environment, origin, body)) if "spec" in body else None
    with names.told_by_ids(origin):
        made = promoting.promote(
            actor,
            origin,
            it,
            deploy=_deploys(body),
            otherwise=lambda whole: _otherwise(whole, asset, names.by_key(origin, labels)),
        )
    return made.api, _kept(origin, it, told) | _said(made.notes)


def _updated(
    actor: User, environment: Environment, origin: ApiInstance, body: Mapping[str, Any]
) -> tuple[ApiInstance, dict[str, list[str]]]:
    """What the origin was promoted to before, as the origin is now: what differs there stays."""
    told = body["promote"]
    if more := sorted(body.keys() - {"promote", "instanceLabel", "technology", "deployment"}):
        raise ValidationError({name: [NOT_BESIDE_UPDATE] for name in more})
    found = counterpart_of(origin, environment, told["counterpartId"])
    usual = choices.proposed(actor, origin, environment, found)
    shared = names.shared_of(usual.shared, told)
    wanted = replace(
        usual,
        secrets=names.secrets_of(origin, told, shared),
        shared=shared,
        parts=usual.parts - left_parts(told),
        label=body.get("instanceLabel") or usual.label,
    )
    wanted = replace(wanted, sent_to=names.sent_to_of(origin, told, wanted))
    with names.told_by_ids(origin):
        made = promoting.promote(actor, origin, wanted, deploy=_deploys(body))
    return made.api, _said(made.notes)


def _deploys(body: Mapping[str, Any]) -> bool:
    return bool((body.get("deployment") or {}).get("expectedStatus") == "deployed")


def _said(notes: Sequence[str]) -> dict[str, list[str]]:
    return {"promote": list(notes)} if notes else {}


def counterpart_of(origin: ApiInstance, environment: Environment, pk: int | None) -> ApiInstance | None:
    """What it was promoted to there before, by its id. Raises ValidationError."""
    if pk is None:
        return None
    found = next((one for one in choices.counterparts(origin, environment) if one.pk == pk), None)
    if found is None:
        message = f"API {origin.pk} was not promoted to {pk}; leave it out to make a new one."
        raise ValidationError({"promote.counterpartId": [message]})
    return found


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
    copy = replace(rules.as_it_is(origin, environment), gateway=None)
    if endpoint.get("proxyUri"):
        copy = replace(copy, **bodies.listener(endpoint["proxyUri"]))
    if inbound := _inbound(environment, body):
        copy = replace(copy, tls_context=inbound)
    elif copy.protocol != ApiInstance.Protocol.HTTPS:
        copy = replace(copy, tls_context=None)
    if deployment := body.get("deployment"):
        copy = replace(copy, gateway=bodies.gateway_of(environment, deployment))
    if "spec" in body:
        copy = replace(copy, asset=_asset(environment, origin, body))
    return replace(
        copy,
        **_named(body),
        upstreams=_upstreams(environment, origin, copy, body),
        with_policies=_all(told.get("policies")),
        with_tests=_all(told.get("tests")),
        secrets={int(pk): values for pk, values in (told.get("secrets") or {}).items()},
    )


def _chosen(
    actor: User, environment: Environment, origin: ApiInstance, body: Mapping[str, Any]
) -> choices.Choices:
    """What is known of the environment, but for what the body names. No gateway that nobody named."""
    told, endpoint = body["promote"], body.get("endpoint", {})
    usual = choices.proposed(actor, origin, environment, None)
    shared = names.shared_of(usual.shared, told)
    deployment, keeps = body.get("deployment"), told.get("keepSecrets")
    it = replace(
        usual,
        gateway=bodies.gateway_of(environment, deployment) if deployment else None,
        secrets=names.secrets_of(origin, told, shared),
        shared=shared,
        parts=usual.parts - left_parts(told),
        keeps_secrets=permission.may_take_along(actor, origin.environment) if keeps is None else keeps,
        **_named(body),
    )
    it = replace(it, sent_to=names.sent_to_of(origin, told, it))
    if endpoint.get("proxyUri"):
        it = replace(it, **bodies.listener(endpoint["proxyUri"]))
    if inbound := _inbound(environment, body):
        it = replace(it, tls_context=inbound.name)
    elif it.protocol != ApiInstance.Protocol.HTTPS:
        it = replace(it, tls_context="")
    uris, contexts = dict(it.uris), dict(it.contexts)
    rows = {row.pk: row for row in origin.upstreams.all()}
    keys = {row.pk: key for key, row in upstreams_of(origin).items()}
    for at, one in enumerate(_told_upstreams(rows, body)):
        field = f"upstreams.{at}"
        if one["id"] not in keys:
            raise ValidationError({f"{field}.id": [f"API {origin.pk} has no upstream {one['id']}."]})
        key = keys[one["id"]]
        uris[key] = one.get("uri") or uris[key]
        if one.get("tlsContext"):
            contexts[key] = bodies.named_context(environment, one["tlsContext"], f"{field}.tls_context").name
        elif not upstream_uri.has_tls(uris[key]):
            contexts[key] = ""
    return replace(it, uris=uris, contexts=contexts)


def _inbound(environment: Environment, body: Mapping[str, Any]) -> TlsContext | None:
    contexts = body.get("endpoint", {}).get("tlsContexts") or {}
    if not contexts.get("inbound"):
        return None
    return bodies.named_context(environment, contexts["inbound"], "tls_context")


def _named(body: Mapping[str, Any]) -> dict[str, Any]:
    known = {"label": "instanceLabel", "consumer_endpoint": "endpointUri"}
    return {name: body[sent] or "" for name, sent in known.items() if sent in body}


def _otherwise(whole: Portable, asset: AssetPart | None, labels: Mapping[str, str]) -> Portable:
    upstreams = tuple(
        one.model_copy(update={"label": labels[one.key]}) if one.key in labels else one
        for one in whole.upstreams
    )
    return whole.model_copy(update={"upstreams": upstreams, "asset": asset or whole.asset})


def _part(asset: Asset | NewAsset) -> AssetPart:
    return AssetPart(**{name: getattr(asset, name) for name in AssetPart.model_fields})


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


def _kept(origin: ApiInstance, it: choices.Choices, told: Mapping[str, Any]) -> dict[str, list[str]]:
    """Which secrets came along from the other environment."""
    if not it.keeps_secrets or "policies" not in it.parts:
        return {}
    given = told.get("secrets") or {}
    return {
        f"promote.secrets.{one.binding.pk}.{one.path}": [
            KEPT.format(one.label, one.binding.title, origin.environment)
        ]
        for one in copy_secrets.held(list(origin.policies.all()))
        if not given.get(str(one.binding.pk), {}).get(one.path)
    }
