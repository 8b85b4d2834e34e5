"""The rules an API instance must keep: the same for pages, REST and commands."""

import re
from collections.abc import Collection, Iterator
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.text import slugify

from apis.assets.models import ASSET_ID, WHAT_AN_ASSET_ID_IS, Asset
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset
from apis.documents.specification import Specification
from apis.models import ApiInstance, Upstream
from apis.rules import listeners, policy_side, tags, upstream_settings, upstream_uri
from apis.rules.problem import Problem, elsewhere, refuse
from console.lines import LABEL_IS_NONE, is_line
from console.models import Environment, Organization
from gateways.protocol import regex
from gateways.protocol.timeouts import LONGEST_SECONDS
from gateways.protocol.upstream_settings import UpstreamSettings
from policies.fields.headers import TOKEN

MAX_ROUTES = 100
MAX_UPSTREAMS_PER_ROUTE = 10
MAX_HEADERS_PER_ROUTE = 10
MAX_REGEX = 1024
MAX_EFFORT = 20 * regex.MOST_EFFORT
"""Of all expressions that one form holds: RE2 took 80 ms for the worst."""
MAX_DESCRIPTION = 20_000
LONGEST_MS = LONGEST_SECONDS * 1000
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "CONNECT")

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}")


def validate(
    environment: Environment, desired: DesiredApi, api: ApiInstance | None = None
) -> dict[str, list[str]]:
    """What is wrong, by field; empty when it may be saved. `api` is the instance being edited."""
    found: dict[str, list[str]] = {}
    for problem in problems(environment, desired, api):
        found.setdefault(problem.field, []).append(problem.message)
    return found


def check(environment: Environment, desired: DesiredApi, api: ApiInstance | None = None) -> None:
    """Raise ValidationError with every problem; each keeps its code."""
    refuse(problems(environment, desired, api))


def check_free(environment: Environment, desired: DesiredApi, api: ApiInstance) -> None:
    """Check only what others may have taken since, for an API that was saved under these rules before."""
    refuse([*listeners.problems(environment, desired, api), *_label(environment, desired, api)])


def problems(
    environment: Environment, desired: DesiredApi, api: ApiInstance | None = None
) -> Iterator[Problem]:
    yield from _asset(environment, desired)
    yield from _gateway(environment, desired)
    yield from listeners.problems(environment, desired, api)
    yield from _label(environment, desired, api)
    yield from _details(desired, api)
    yield from _routes(desired, api)
    yield from _trust(environment, desired)


class Expressions:
    """Those of one form: RE2 is asked of them while they are not too large together."""

    def __init__(self) -> None:
        self._left = MAX_EFFORT

    def fault(self, expression: str) -> str | None:
        """Why the gateway's engine would refuse this one, or None."""
        if len(expression) > MAX_REGEX:
            return f"The expression is longer than {MAX_REGEX} characters; split it into several rules"
        if self._left > 0:
            self._left -= min(regex.effort(expression), regex.MOST_EFFORT)
        if self._left <= 0:
            return "The expressions are too large together; repeat less in this one and those before it"
        try:
            regex.check(expression)
        except regex.BadRegex as error:
            return str(error)
        return None


def _asset(environment: Environment, desired: DesiredApi) -> Iterator[Problem]:
    asset, organization = desired.asset, environment.organization
    if isinstance(asset, Asset):
        if str(asset.organization_id) not in organization.path.split("/"):
            yield Problem(
                "asset", f'"{asset}" is not an asset of {organization} or of an organization above it.'
            )
        return
    if not asset.name.strip():
        yield Problem("asset.name", "Give the API a name.")
        return
    if len(asset.name) > 255:
        yield Problem("asset.name", "The name is longer than 255 characters.")
    if not is_line(asset.name):
        yield Problem("asset.name", "The name holds a line break or a control character; take it out.")
    if asset.type not in Asset.Type.values:
        yield Problem(
            "asset.type", f'"{asset.type}" is not an asset type; one of {", ".join(Asset.Type.values)}.'
        )
    for field, value in (("version", asset.version), ("api_version", asset.api_version)):
        if not _VERSION.fullmatch(value):
            yield Problem(f"asset.{field}", f'"{value}" is not a version; write for example "1.0.0" or "v1".')
    asset_id = asset_id_of(asset)
    if not re.fullmatch(ASSET_ID, asset_id):
        yield Problem("asset.asset_id", WHAT_AN_ASSET_ID_IS)
    elif organization.assets.filter(asset_id=asset_id, version=asset.version).exists():
        yield Problem(
            "asset.name",
            f'Asset "{asset_id}" {asset.version} exists already; select it, or change name or version.',
            "conflict",
        )
    if asset.specification and (fault := unfit(organization, asset.specification)):
        yield Problem("asset.specification", fault)


def unfit(organization: Organization, document: Specification) -> str:
    """Why an asset of the organization cannot have the document; "" where it can."""
    if document.organization_id != organization.pk:
        return f"{document} is not a document of {organization}."
    if document.is_unread:
        return f"{document} is still being read; wait until it is."
    return document.reason


def asset_id_of(asset: NewAsset) -> str:
    return asset.asset_id or slugify(asset.name)[:120]


def _gateway(environment: Environment, desired: DesiredApi) -> Iterator[Problem]:
    if desired.gateway is None:
        return
    if desired.gateway.environment_id != environment.pk:
        yield Problem("gateway", elsewhere(f"Gateway {desired.gateway}", environment))
    elif desired.gateway.is_revoked:
        yield Problem("gateway", f"Gateway {desired.gateway} was revoked; choose another.")


def _label(environment: Environment, desired: DesiredApi, api: ApiInstance | None) -> Iterator[Problem]:
    if len(desired.label) > 255:
        yield Problem("label", "The label is longer than 255 characters.")
    if isinstance(desired.asset, NewAsset):
        return
    same = ApiInstance.objects.filter(
        environment=environment,
        asset__organization=desired.asset.organization_id,
        asset__asset_id=desired.asset.asset_id,
        label=desired.label,
    ).select_related("asset")
    other = (same.exclude(pk=api.pk) if api else same).first()
    if other:
        has = f'is labelled "{desired.label}"' if desired.label else "has no label"
        yield Problem("label", f"{other} {has} too; give this one a label that tells them apart.", "conflict")


def _details(desired: DesiredApi, api: ApiInstance | None) -> Iterator[Problem]:
    is_new = api is None or desired.label != api.label
    if is_new and not is_line(desired.label):
        yield Problem("label", LABEL_IS_NONE)
    if desired.consumer_endpoint:
        try:
            URLValidator(schemes=["http", "https"])(desired.consumer_endpoint)
        except ValidationError:
            yield Problem(
                "consumer_endpoint",
                f'"{desired.consumer_endpoint}" is not a URL; write for example "https://api.example.com/orders".',
            )
    if len(desired.description) > MAX_DESCRIPTION:
        yield Problem("description", f"The description is longer than {MAX_DESCRIPTION} characters.")
    if len(desired.tags) > tags.MOST:
        yield Problem("tags", f"{len(desired.tags)} tags; at most {tags.MOST} are allowed.")
    had = api.tags if api else ()
    for message in tags.faults(tag for tag in desired.tags[: tags.MOST] if tag not in had):
        yield Problem("tags", message)
    limit = desired.response_timeout_ms
    if limit is not None and not (isinstance(limit, int) and 1 <= limit <= LONGEST_MS):
        yield Problem(
            "response_timeout_ms",
            f'"{limit}" is not 1 ms to 10 days; leave it out for what the gateway says.',
        )


def _routes(desired: DesiredApi, api: ApiInstance | None) -> Iterator[Problem]:
    if not desired.routes:
        yield Problem("routes", "An API needs at least one route with an upstream.")
    if len(desired.routes) > MAX_ROUTES:
        yield Problem("routes", f"{len(desired.routes)} routes; at most {MAX_ROUTES} are allowed.")
    owned = set(Upstream.objects.filter(api=api).values_list("pk", flat=True)) if api else set()
    settings: dict[UUID, UpstreamSettings] = {}
    has_settings = any(not one.settings.is_usual for _, one in _upstreams(desired))
    acting = policy_side.outbound(api) if api and has_settings else {}
    expressions = Expressions()
    for index, route in enumerate(desired.routes[:MAX_ROUTES]):
        yield from _rules(f"routes.{index}", route, expressions)
        yield from _targets(f"routes.{index}", route)
    for field, upstream in _upstreams(desired):
        if message := upstream_uri.fault(upstream.uri):
            yield Problem(f"{field}.uri", message)
        policies = acting.get(upstream.id, ()) if upstream.id else ()
        for path, message in upstream_settings.faults(upstream.uri, upstream.settings, policies):
            yield Problem(f"{field}.settings.{path}", message)
        if upstream.id is not None and upstream.settings != settings.setdefault(
            upstream.id, upstream.settings
        ):
            message = "A route before has this upstream too; say the same of it on both."
            yield Problem(f"{field}.settings", message)
        if upstream.id is not None and upstream.id not in owned:
            yield Problem(f"{field}.id", f"{upstream.id} is not an upstream of this API; leave the id out.")


def _trust(environment: Environment, desired: DesiredApi) -> Iterator[Problem]:
    """Of upstreams that are reached with a TLS context."""
    chosen = [(f"{field}.tls_context", one) for field, one in _upstreams(desired) if one.tls_context]
    here = {context.pk: context for context in environment.tls_contexts.all()} if chosen else {}
    for name, upstream in chosen:
        wanted = upstream.tls_context
        context = here.get(wanted.pk) if wanted else None
        if context is None:
            yield Problem(name, elsewhere(f"TLS context {wanted}", environment))
        elif not context.is_trusting:
            message = f"TLS context {context} trusts nobody; choose another, or add a trusted CA to it."
            yield Problem(name, message)
        if not upstream_uri.has_tls(upstream.uri):
            message = f'"{upstream.uri}" is reached without TLS; write https://, or choose no context.'
            yield Problem(name, message)


def upstream_problems(
    environment: Environment, upstream: DesiredUpstream, policies: Collection[str] = ()
) -> Iterator[Problem]:
    """Of one upstream by itself: its fields are "uri", "tls_context" and "settings.<path>".

    `policies` are the names of those that act on it.
    """
    if message := upstream_uri.fault(upstream.uri):
        yield Problem("uri", message)
    for path, message in upstream_settings.faults(upstream.uri, upstream.settings, policies):
        yield Problem(f"settings.{path}", message)
    alone = DesiredApi(asset=NewAsset(""), routes=[DesiredRoute(upstreams=[upstream])])
    for problem in _trust(environment, alone):
        yield Problem(problem.field.rpartition(".")[2], problem.message)


def _rules(field: str, route: DesiredRoute, expressions: Expressions) -> Iterator[Problem]:
    for name in ("methods", "path", "host"):
        if reason := expressions.fault(getattr(route, name)):
            yield Problem(f"{field}.{name}", f"{reason}.")
    words = route.methods.split("|") if re.fullmatch(r"[A-Za-z|]+", route.methods) else []
    if unknown := [word for word in words if word not in METHODS]:
        yield Problem(
            f"{field}.methods", f'"{unknown[0]}" is not a method; use {"|".join(METHODS[:5])} and so on.'
        )
    if len(route.headers) > MAX_HEADERS_PER_ROUTE:
        yield Problem(f"{field}.headers", f"At most {MAX_HEADERS_PER_ROUTE} headers in a rule.")
        return
    for name, pattern in route.headers.items():
        if not TOKEN.fullmatch(name):
            yield Problem(f"{field}.headers", f'"{name}" is not a header name.')
        if reason := expressions.fault(pattern):
            yield Problem(f"{field}.headers", f"{name}: {reason}.")


def _targets(field: str, route: DesiredRoute) -> Iterator[Problem]:
    if not route.upstreams:
        yield Problem(f"{field}.upstreams", "A route needs at least one upstream.")
        return
    if len(route.upstreams) > MAX_UPSTREAMS_PER_ROUTE:
        yield Problem(f"{field}.upstreams", f"At most {MAX_UPSTREAMS_PER_ROUTE} upstreams in a route.")
    weights = [upstream.weight for upstream in route.upstreams]
    if any(not 0 <= weight <= 100 for weight in weights):
        yield Problem(f"{field}.weights", "Each weight is a whole number from 0 to 100.")
    elif sum(weights) != 100:
        shown = " + ".join(map(str, weights))
        yield Problem(f"{field}.weights", f"The weights {shown} sum to {sum(weights)}; they must sum to 100.")


def _upstreams(desired: DesiredApi) -> Iterator[tuple[str, DesiredUpstream]]:
    for index, route in enumerate(desired.routes):
        for position, upstream in enumerate(route.upstreams):
            yield f"routes.{index}.upstreams.{position}", upstream
