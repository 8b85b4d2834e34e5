"""From what a REST client sent to a desired API, and from its field names to the client's."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.core.exceptions import ValidationError
from rest_framework.serializers import Serializer

from apis.assets.models import Asset
from apis.changes.assets import version_of
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset, desired_of
from apis.lint.routes import warnings
from apis.models import ApiInstance, TlsContext, Upstream
from apis.rest import upstream_settings
from apis.rest.serializers import ASSET_TYPES
from apis.rules import upstream_uri
from console.models import Environment
from gateways import lookup
from gateways.models import Gateway
from policies.fields.hosts import port_of

FOR_FLEX = (
    "only APIs of Flex Gateways are managed here. Write technology flexGateway and deploymentType HY: with "
    "anypoint-cli-v4, add --isFlex."
)
NO_PROXY = (
    "An API here always listens somewhere: write its address, such as http://0.0.0.0:8081/orders, or leave "
    "proxyUri out for port 8081 and the asset's id. With anypoint-cli-v4: --withProxy --scheme --port --path."
)
NO_ROUTES = "An API needs at least one route with an upstream; leave routing out for those that it has."
KEPT = ("type", "isCloudHub", "referencesUserDomain", "muleVersion4OrAbove", "wsdlConfig")
"""Fields of `endpoint` that are given back as sent and not acted upon."""

Names = tuple[tuple[str, str], ...]

_NAMES: Names = (
    (r"(base_path|port|protocol)", "endpoint.proxyUri"),
    (r"tls_context", "endpoint.tlsContexts.inbound"),
    (r"label", "instanceLabel"),
    (r"gateway", "deployment.targetId"),
    (r"deployed_to", "deployment.environmentId"),
    (r"consumer_endpoint", "endpointUri"),
    (r"response_timeout_ms", "endpoint.responseTimeout"),
    (r"asset(\.name|\.asset_id)?", "spec.assetId"),
    (r"asset\.version", "spec.version"),
    (r"routes\.(\d+)\.(path|methods|host|headers)", r"routing.\1.rules.\2"),
    (r"routes\.(\d+)\.weights", r"routing.\1.upstreams"),
    (r"routes\.(\d+)\.upstreams\.(\d+)\.tls_context", r"routing.\1.upstreams.\2.tlsContext"),
    (r"routes\.(\d+)\.upstreams\.(\d+)\.settings\.(.*)", r"routing.\1.upstreams.\2.\3"),
    (r"routes(.*)", r"routing\1"),
    (r"outbound", "endpoint.tlsContexts.outbound"),
    (r"upstreams\.(\d+)\.tls_context", r"upstreams.\1.tlsContext"),
    (r"upstreams\.(\d+)\.settings\.(.*)", r"upstreams.\1.\2"),
    (r"upstreams", "upstreamIds"),
    (r"policy", "assetId"),
    (r"policy_version", "assetVersion"),
    (r"config(.*)", r"configurationData\1"),
    (r"conditions(.*)", r"pointcutData\1"),
)
_ONE_URI: Names = ((r"routes\.0\.upstreams\.0\.uri", "endpoint.uri"),)
"""Where the only upstream came from when the body has no routing."""
_NEW_VERSION: Names = ((r"asset(\.version|\.asset_id|\.name)?", "assetVersion"),)
"""What a patch says of its asset."""
OF_UPSTREAM: Names = ((r"tls_context", "tlsContext"), (r"settings\.(.*)", r"\1"))
OF_DEPLOYMENT: Names = ((r"gateway", "targetId"), (r"deployed_to", "environmentId"))


def of_instance(body: Mapping[str, Any]) -> Names:
    """The names that hold for the body of an instance, or of a patch, alone."""
    uri = () if body.get("routing") else _ONE_URI
    version = () if "spec" in body else _NEW_VERSION
    return (*uri, *version)


@contextmanager
def client_names(own: Names = ()) -> Iterator[None]:
    """Raise a ValidationError with the names that the sender knows: the body's own, then all's."""
    names = (*own, *_NAMES)
    try:
        yield
    except ValidationError as error:
        renamed: dict[str, list[ValidationError]] = {}
        for field, faults in error.error_dict.items():
            renamed.setdefault(_client_name(field, names), []).extend(faults)
        raise ValidationError(renamed) from error


def warnings_of(api: ApiInstance) -> dict[str, list[str]]:
    """What is saved of it and is probably not meant, by the names that the sender knows."""
    found = warnings(desired_of(api), api)
    return {_client_name(field, _NAMES): texts for field, texts in found.items()}


def created(environment: Environment, body: Mapping[str, Any]) -> DesiredApi:
    """A new instance as desired. Its listener defaults to port 8081 and the asset's id as base path."""
    check_technology(body)
    if "proxyUri" in body.get("endpoint", {}) and body["endpoint"]["proxyUri"] is None:
        raise ValidationError({"endpoint.proxyUri": [NO_PROXY]})
    spec = body["spec"]
    blank = DesiredApi(asset=asset(environment, spec, body), base_path=f"/{spec['assetId']}")
    return _changed(environment, blank, body)


def patched(api: ApiInstance, body: Mapping[str, Any]) -> DesiredApi:
    """The instance as it is, with what the body names replaced."""
    check_technology(body)
    desired = desired_of(api)
    if "assetVersion" in body and body["assetVersion"] != api.asset.version:
        desired = replace(desired, asset=version_of(api.asset, body["assetVersion"]))
    return _changed(api.environment, desired, body, api)


def kept(extra: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """`ApiInstance.extra` after this body."""
    found = dict(extra)
    found.update({name: body[name] for name in ("providerId", "approvalMethod") if name in body})
    endpoint = {name: value for name, value in body.get("endpoint", {}).items() if name in KEPT}
    if endpoint:
        found["endpoint"] = {**found.get("endpoint", {}), **endpoint}
    return found


def gateway_of(environment: Environment, deployment: Mapping[str, Any]) -> Gateway:
    target, told = deployment["targetId"], deployment.get("environmentId")
    if (found := lookup.find(environment, target)) is None:
        message = f"Deployment target with ID {target} not found in {environment}."
        raise ValidationError({"gateway": [message]})
    if told not in (None, environment.pk):
        message = f"{told} is not {environment}, as the address is; write {environment.pk}, or leave it out."
        raise ValidationError({"deployed_to": [message]})
    return found


def check_technology(body: Mapping[str, Any]) -> None:
    """Of another technology than ours nothing is made into ours in silence.

    Clients that name none mean Mule where they deploy to CloudHub or Runtime Fabric.
    """
    technology = body.get("technology")
    if technology not in (None, "flexGateway"):
        raise ValidationError({"technology": [f'"{technology}": {FOR_FLEX}']})
    kind = body.get("endpoint", {}).get("deploymentType")
    if kind not in (None, "HY"):
        raise ValidationError({"endpoint.deploymentType": [f'"{kind}": {FOR_FLEX}']})


def _changed(
    environment: Environment, desired: DesiredApi, body: Mapping[str, Any], api: ApiInstance | None = None
) -> DesiredApi:
    endpoint = body.get("endpoint", {})
    if endpoint.get("proxyUri"):
        desired = replace(desired, **listener(endpoint["proxyUri"]))
    if "responseTimeout" in endpoint:
        desired = replace(desired, response_timeout_ms=endpoint["responseTimeout"])
    desired = replace(desired, tls_context=_tls_context(environment, desired, endpoint))
    if body.get("routing"):
        desired = replace(desired, routes=_routes(environment, body["routing"], api))
    elif body.get("routing") == [] and not endpoint.get("uri"):
        raise ValidationError({"routes": [NO_ROUTES]})
    elif endpoint.get("uri"):
        desired = _with_uri(desired, endpoint["uri"])
    desired = _with_trust(environment, desired, endpoint, is_routed=bool(body.get("routing")))
    if deployment := body.get("deployment"):
        desired = replace(desired, gateway=gateway_of(environment, deployment))
    names = {"label": "instanceLabel", "consumer_endpoint": "endpointUri", "description": "description"}
    told: dict[str, Any] = {name: body[sent] or "" for name, sent in names.items() if sent in body}
    return replace(desired, **told, tags=body.get("tags", desired.tags))


def listener(uri: str) -> dict[str, Any]:
    example = "write for example http://0.0.0.0:8081/orders"
    try:
        parts = urlsplit(uri)
        port = port_of(parts)
    except ValueError as error:
        raise ValidationError({"base_path": [f'"{uri}" is not an address: {error}; {example}.']}) from None
    if not parts.scheme or not parts.netloc:
        raise ValidationError({"base_path": [f'"{uri}" has no scheme or no host; {example}.']})
    if parts.query or parts.fragment:
        raise ValidationError({"base_path": [f'"{uri}" has more than a base path; {example}.']})
    default = 443 if parts.scheme == "https" else 80
    return {
        "protocol": parts.scheme,
        "port": default if port is None else port,
        "base_path": parts.path or "/",
    }


def _tls_context(
    environment: Environment, desired: DesiredApi, endpoint: Mapping[str, Any]
) -> TlsContext | None:
    """What the body names; when it says nothing the stored one, as long as the listener is HTTPS."""
    told = endpoint.get("tlsContexts") or {}
    if "inbound" not in told:
        return desired.tls_context if desired.protocol == ApiInstance.Protocol.HTTPS else None
    if told["inbound"] is None:
        return None
    return named_context(environment, told["inbound"], "tls_context")


def named_context(environment: Environment, told: Mapping[str, Any], field: str) -> TlsContext:
    wanted, group = told["tlsContextId"], told.get("secretGroupId")
    if found := environment.tls_contexts.filter(pk=wanted).first():
        if group in (None, found.secret_group_id):
            return found
        own = found.secret_group_id
        message = f"secretGroupId: write {own}, the group of {found}, or leave it out; not {group}."
        raise ValidationError({field: [message]})
    raise ValidationError({field: [f"{environment} has no TLS context {wanted}."]})


def trusted_by_all(upstreams: Iterable[DesiredUpstream | Upstream]) -> TlsContext | None:
    """The one TLS context that all https upstreams of an API are trusted by; None where they differ."""
    contexts = {one.tls_context for one in upstreams if upstream_uri.has_tls(one.uri)}
    return contexts.pop() if len(contexts) == 1 else None


def _with_trust(
    environment: Environment, desired: DesiredApi, endpoint: Mapping[str, Any], *, is_routed: bool
) -> DesiredApi:
    """`outbound` holds for every https upstream, beside a routing for those that it gives no context.

    null takes away the context that all have in common: where they differ, an answer says null too.
    """
    told = endpoint.get("tlsContexts") or {}
    if "outbound" not in told:
        return desired
    upstreams = [one for route in desired.routes for one in route.upstreams]
    wanted = told["outbound"] and named_context(environment, told["outbound"], "outbound")
    if wanted is None and (is_routed or trusted_by_all(upstreams) is None):
        return desired
    if wanted and not any(upstream_uri.has_tls(one.uri) for one in upstreams):
        raise ValidationError({"outbound": ["No upstream of the API is reached with TLS; write https://."]})

    def changed(one: DesiredUpstream) -> DesiredUpstream:
        keeps = not upstream_uri.has_tls(one.uri) or (is_routed and one.tls_context)
        return one if keeps else replace(one, tls_context=wanted)

    routes = [replace(one, upstreams=[changed(each) for each in one.upstreams]) for one in desired.routes]
    return replace(desired, routes=routes)


def edited(api: ApiInstance, body: Sequence[Mapping[str, Any]]) -> dict[UUID, DesiredUpstream]:
    """What upstreams, named by their ids, become."""
    known = {row.pk: row for row in api.upstreams.select_related("tls_context")}
    found: dict[UUID, DesiredUpstream] = {}
    for at, told in enumerate(body):
        if told["id"] not in known:
            raise ValidationError({f"upstreams.{at}.id": [f"The API has no upstream {told['id']}."]})
        if told["id"] in found:
            raise ValidationError({f"upstreams.{at}.id": [f"Upstream {told['id']} is named twice."]})
        found[told["id"]] = upstream(api, told, known[told["id"]], f"upstreams.{at}.tls_context")
    return found


def upstream(
    api: ApiInstance, body: Mapping[str, Any], row: Upstream | None = None, field: str = "tls_context"
) -> DesiredUpstream:
    """A new upstream, or what the row becomes: what the body leaves out stays."""
    known = {row.pk: row} if row else {}
    return _upstream(api.environment, {"weight": 0, **body, "id": row and row.pk}, known, field)


def _with_uri(desired: DesiredApi, uri: str) -> DesiredApi:
    """One upstream for all: an API that has several keeps them, since one URI cannot say which it means."""
    if len(desired.routes) == 1 and len(desired.routes[0].upstreams) == 1:
        only = desired.routes[0]
        context = only.upstreams[0].tls_context if upstream_uri.has_tls(uri) else None
        upstream = replace(only.upstreams[0], uri=uri, tls_context=context)
        return replace(desired, routes=[replace(only, upstreams=[upstream])])
    if desired.routes:
        if uri == desired.routes[0].upstreams[0].uri:
            return desired
        message = "The API has several upstreams; name them in routing."
        raise ValidationError({"endpoint.uri": [message]})
    return replace(desired, routes=[DesiredRoute(upstreams=[DesiredUpstream(uri)])])


def _routes(
    environment: Environment, routing: list[dict[str, Any]], api: ApiInstance | None
) -> list[DesiredRoute]:
    known = {row.pk: row for row in api.upstreams.select_related("tls_context")} if api else {}
    return [
        DesiredRoute(
            label=route.get("label") or "",
            upstreams=[
                _upstream(environment, body, known, f"routes.{at}.upstreams.{place}.tls_context")
                for place, body in enumerate(route["upstreams"])
            ],
            **{name: value for name, value in (route.get("rules") or {}).items() if value},
        )
        for at, route in enumerate(routing)
    ]


def _upstream(
    environment: Environment, body: Mapping[str, Any], known: Mapping[Any, Upstream], field: str
) -> DesiredUpstream:
    """An upstream named by its id keeps what the body leaves out; its TLS context only while it has TLS."""
    row = known.get(body.get("id"))
    uri = body.get("uri") or (row.uri if row else "")
    told = body.get("tlsContext")
    context = named_context(environment, told, field) if told else None
    if "tlsContext" not in body and row and upstream_uri.has_tls(uri):
        context = row.tls_context
    label = body.get("label", row.label if row else "") or ""
    # Clients that know no settings do not take them away by naming an upstream without its id.
    same = row or next((one for one in known.values() if (one.uri, one.label) == (uri, label)), None)
    settings = upstream_settings.read(body, same, field.rpartition(".")[0])
    return DesiredUpstream(uri, label, body["weight"], body.get("id"), context, settings)


def asset(environment: Environment, spec: Mapping[str, Any], body: Mapping[str, Any]) -> Asset | NewAsset:
    """The asset of these coordinates, in the organization or above; else a new one of its own."""
    organization = environment.organization
    group = spec.get("groupId") or organization.pk
    if str(group) not in organization.path.split("/"):
        message = f"{group} is neither {organization} nor an organization above it."
        raise ValidationError({"spec.groupId": [message]})
    found = Asset.objects.filter(
        organization=group, asset_id__iexact=spec["assetId"], version=spec["version"]
    ).first()
    if found:
        return found
    if group != organization.pk:
        message = f"{group} has no asset {spec['assetId']} {spec['version']}."
        raise ValidationError({"asset": [message]})
    kind = ASSET_TYPES.get(body.get("endpoint", {}).get("type") or "http", Asset.Type.HTTP)
    name = re.sub(r"[-_.]+", " ", spec["assetId"]).strip().capitalize() or spec["assetId"]
    return NewAsset(name=name, asset_id=spec["assetId"], version=spec["version"], type=kind)


def names_of(body: Serializer[Any], before: str = "") -> Names:
    """The names of a body's fields by the `source` that each declares; parts with the source "*" included."""
    found: list[tuple[str, str]] = []
    for name, field in body.fields.items():
        if isinstance(field, Serializer) and field.source == "*":
            found += names_of(field, f"{before}{name}.")
        elif field.source != name:
            found.append((str(field.source), before + name))
    return tuple(found)


def _client_name(field: str, names: Names) -> str:
    for pattern, name in names:
        if re.fullmatch(pattern, field):
            return re.sub(f"^{pattern}$", name, field)
    return field
