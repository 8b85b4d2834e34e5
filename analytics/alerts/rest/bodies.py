"""From the bodies that clients send to a wanted alert, and from an alert to their shapes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from analytics.alerts import rules
from analytics.alerts.models import Alert
from analytics.alerts.rest import serializers as shapes
from analytics.alerts.wanted import WantedAlert
from apis.models import ApiInstance, PolicyBinding
from apis.rest.bodies import Names
from console.models import Environment, User
from policies import catalog

LEGACY_NAMES: Names = (
    (r"threshold", "condition.value"),
    (r"operator", "condition.operator"),
    (r"window_minutes", "period.duration.count"),
    (r"periods", "period.repeat"),
    (r"codes", "condition.filter.0.values"),
    (r"slower_ms", "condition.filter.0.values"),
    (r"policies", "policyId"),
    (r"(users|addresses)", "recipients"),
)
NAMES: Names = (
    (r"threshold", "condition.threshold"),
    (r"operator", "condition.operator"),
    (r"window_minutes", "condition.interval"),
    (r"periods", "condition.periods"),
    (r"percentile", "condition.percentile"),
    (r"slower_ms", "condition.slowerThan"),
    (r"(codes|policies)", "resources.0.subFilters"),
    (r"api", "resources.0.apiId"),
    (r"about", "about.kind"),
    (r"tag", "about.tag"),
    (r"gateway", "about.gatewayId"),
    (r"is_together", "about.together"),
    (r"(users|addresses|destinations)", "notifications"),
    (r"(subject|message)", r"notifications.0.\1"),
    (r"type", "metricType"),
)
Type = Alert.Type
_LEGACY_TYPES = {kind: name for name, kind in shapes.LEGACY_TYPES.items()} | {Type.SLOW: "api-response-time"}
_METRICS = {kind: name for name, kind in shapes.METRICS.items()}
_LEGACY_OPERATORS = {ours: name for name, ours in shapes.LEGACY_OPERATORS.items()}
_OPERATORS = {ours: name for name, ours in shapes.OPERATORS.items()}
IN_LEGACY = tuple(_LEGACY_TYPES)
"""The types that the legacy shape can tell of; the others are seen in the newer one."""


def of_legacy(api: ApiInstance, body: Mapping[str, Any], before: WantedAlert | None = None) -> WantedAlert:
    """Raises ValidationError by the body's own names for what cannot be read."""
    condition, period = body["condition"], body["period"]
    type_, details = _legacy_type(body, condition)
    users, addresses = _legacy_recipients(api.environment, body["recipients"])
    if type_ == Type.VIOLATIONS:
        details["policies"] = _policies(api, [body.get("policyId")], body.get("policyTemplate") or {})
    start = before or WantedAlert()
    return replace(
        start,
        name=body["name"],
        type=type_,
        severity=body["severity"],
        about=Alert.About.API,
        api=api.pk,
        operator=shapes.LEGACY_OPERATORS[condition["operator"]],
        threshold=condition["value"],
        window_minutes=period["duration"]["count"] * shapes.WEIGHTS[period["duration"]["weight"]],
        periods=period["repeat"],
        users=users,
        addresses=addresses,
        is_enabled=body["enabled"],
        **details,
    )


def of_body(
    environment: Environment,
    body: Mapping[str, Any],
    apis: QuerySet[ApiInstance],
    before: WantedAlert | None = None,
) -> WantedAlert:
    """What the body does not say stays as it was `before`. Policies may be named by the ids that they have on
    one of these APIs.
    """
    _check_place(environment, body)
    start = before or WantedAlert()
    condition = body.get("condition") or {}
    told: dict[str, Any] = {name: body[name] for name in ("name", "severity") if name in body}
    if "metricType" in body:
        told["type"] = shapes.METRICS[body["metricType"]]
    if "enabled" in body:
        told["is_enabled"] = body["enabled"]
    for name, ours in (
        ("threshold", "threshold"),
        ("interval", "window_minutes"),
        ("periods", "periods"),
        ("percentile", "percentile"),
        ("slowerThan", "slower_ms"),
    ):
        if name in condition:
            told[ours] = condition[name]
    if "operator" in condition:
        told["operator"] = shapes.OPERATORS[condition["operator"]]
    told |= _about(environment, body, is_new=before is None)
    told |= _sub_filters(apis, body, told.get("api") or start.api)
    if "notifications" in body:
        told |= _notified(environment, body["notifications"])
    return replace(start, **told)


def legacy_shape(alert: Alert, people: Mapping[UUID, User]) -> dict[str, Any]:
    weight = next(
        name for name in ("DAYS", "HOURS", "MINUTES") if alert.window_minutes % shapes.WEIGHTS[name] == 0
    )
    return {
        "id": alert.pk,
        "apiAlertsVersion": "1.0.0",
        "name": alert.name,
        "type": _LEGACY_TYPES[alert.type],  # type: ignore[index]
        "enabled": alert.is_enabled,
        "severity": Alert.Severity(alert.severity).label,
        "state": alert.shown_state.lower(),
        "recipients": [
            *(_person(people[pk]) for pk in alert.users if pk in people),
            *({"type": "email", "value": address} for address in alert.addresses),
        ],
        "condition": {
            "resourceType": "api-version",
            "aggregate": "COUNT",
            "operator": _LEGACY_OPERATORS[alert.operator],
            "value": _whole(alert.threshold),
            **_legacy_filter(alert),
        },
        "period": {
            "duration": {"count": alert.window_minutes // shapes.WEIGHTS[weight], "weight": weight},
            "repeat": alert.periods,
        },
        "policyId": _binding(alert),
        "policyTemplate": _template(alert),
        "createdAt": alert.created_at,
        "lastModified": alert.updated_at,
    }


def shape(alert: Alert, people: Mapping[UUID, User]) -> dict[str, Any]:
    organization = alert.environment.organization
    texts = {"subject": alert.subject, "message": alert.message}
    told = (
        ("email", list(alert.addresses)),
        ("user", [people[pk].username for pk in alert.users if pk in people]),
        ("destination", [str(one) for one in alert.destinations]),
    )
    known = [{"type": kind, "recipients": found, **texts} for kind, found in told if found]
    return {
        "alertId": str(alert.pk),
        "type": "basic",
        "name": alert.name,
        "severity": alert.severity,
        "masterOrganizationId": organization.root_id,
        "organizationId": organization.pk,
        "environmentId": alert.environment_id,
        "resourceType": "api",
        "deploymentType": "HYBRID",
        "metricType": _METRICS[alert.type],  # type: ignore[index]
        "resources": _resources(alert),
        "condition": {
            "operator": _OPERATORS[alert.operator],
            "threshold": _whole(alert.threshold),
            "interval": alert.window_minutes,
            "periods": alert.periods,
            **({"percentile": alert.percentile} if alert.type == Type.PERCENTILE else {}),
            **({"slowerThan": alert.slower_ms} if alert.type == Type.SLOW else {}),
        },
        "wildcardAlert": alert.about == Alert.About.ENVIRONMENT,
        "notifications": known or [{"type": "email", "recipients": [], **texts}],
        "about": {
            "kind": alert.about,
            "tag": alert.tag,
            "gatewayId": alert.gateway_id,
            "together": alert.is_together,
        },
        "enabled": alert.is_enabled,
        "state": alert.shown_state.lower(),
        "stateSince": alert.state_since,
        "silencedUntil": alert.silenced_until if alert.is_silenced else None,
        "createdAt": alert.created_at,
        "lastModified": alert.updated_at,
    }


def people_of(alerts: Sequence[Alert]) -> dict[UUID, User]:
    """Whom they tell, in one statement."""
    ids = {pk for alert in alerts for pk in alert.users}
    return {one.pk: one for one in User.objects.filter(pk__in=ids)} if ids else {}


def _legacy_type(body: Mapping[str, Any], condition: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """With a filter on the response time it counts requests that took longer."""
    type_ = shapes.LEGACY_TYPES[body["type"]]
    found = (condition.get("filter") or [None])[0]
    wanted = {Type.CODES: "responseCode", Type.TIME: "responseTime"}.get(type_)
    if found and found["property"] != wanted:
        raise ValidationError({"condition.filter": [f"{body['type']} has no filter by {found['property']}."]})
    if not found:
        if type_ == Type.CODES:
            raise ValidationError({"condition.filter": ["Name the statuses: property responseCode."]})
        return type_, {}
    if type_ == Type.CODES:
        if found["operator"] != "IN":
            raise ValidationError({"condition.filter.0.operator": ["Statuses are compared by IN."]})
        return type_, {"codes": _numbers(found["values"], "condition.filter.0.values")}
    if found["operator"] != "GREATER_THAN":
        raise ValidationError(
            {"condition.filter.0.operator": ["A response time is compared by GREATER_THAN."]}
        )
    times = _numbers(found["values"], "condition.filter.0.values")
    if len(times) != 1:
        raise ValidationError({"condition.filter.0.values": ["Write one number of milliseconds."]})
    return Type.SLOW, {"slower_ms": times[0]}


def _legacy_recipients(environment: Environment, sent: Any) -> tuple[tuple[UUID, ...], tuple[str, ...]]:
    users = [one["value"] for one in sent if one["type"] == "user"]
    mails = tuple(one["value"] for one in sent if one["type"] == "email")
    return _users(environment, users, "recipients"), mails


def _notified(environment: Environment, sent: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    by_type: dict[str, list[str]] = {"email": [], "user": [], "destination": []}
    texts: dict[str, Any] = {}
    for one in sent:
        by_type[one["type"]] += one["recipients"]
        texts |= {name: one[name] for name in ("subject", "message") if one.get(name)}
    return {
        "addresses": tuple(by_type["email"]),
        "users": _users(environment, by_type["user"], "notifications"),
        "destinations": _numbers(by_type["destination"], "notifications"),
        **texts,
    }


def _users(environment: Environment, named: Sequence[str], field: str) -> tuple[UUID, ...]:
    """By id or login. Nobody is refused in the words in which somebody of another tenant is."""
    ids = [found for one in named if (found := _uuid(one))]
    known: dict[str, UUID] = {}
    for user in User.objects.filter(Q(pk__in=ids) | Q(username__in=named)):
        known |= {str(user.pk): user.pk, user.username: user.pk}
    missing = [one for one in named if (str(_uuid(one)) if _uuid(one) else one) not in known]
    if missing:
        raise ValidationError({field: [rules.NO_VIEWER.format(environment)]})
    return tuple(known[str(_uuid(one)) if _uuid(one) else one] for one in named)


def _check_place(environment: Environment, body: Mapping[str, Any]) -> None:
    here = {"environmentId": environment.pk, "organizationId": environment.organization_id}
    for name, pk in here.items():
        if body.get(name, pk) != pk:
            raise ValidationError({name: ["The address says another one."]})


def _about(environment: Environment, body: Mapping[str, Any], *, is_new: bool) -> dict[str, Any]:
    """From `about`, else from the resource, else from `wildcardAlert`."""
    about, resources = body.get("about"), body.get("resources") or ()
    api = next((one.get("apiId", one.get("apiVersionId")) for one in resources), None)
    found: dict[str, Any] = {}
    if api is not None:
        found = {"about": Alert.About.API, "api": (_numbers([api], "resources.0.apiId") or (0,))[0]}
    elif body.get("wildcardAlert"):
        found = {"about": Alert.About.ENVIRONMENT}
    if about:
        found |= {
            "about": about["kind"],
            "tag": about.get("tag", ""),
            "gateway": about.get("gatewayId"),
            "is_together": about["together"],
        }
    if not found and is_new:
        raise ValidationError(
            {"resources": ['Name the API: [{"apiId": …}]; or say `about` what else it is.']}
        )
    return found


def _sub_filters(apis: QuerySet[ApiInstance], body: Mapping[str, Any], api: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for resource in body.get("resources") or ():
        for one in resource.get("subFilters") or ():
            if one["name"] == "response_code":
                found["codes"] = _numbers(one["values"], "resources.0.subFilters")
            else:
                row = apis.filter(pk=api or 0).first()
                found["policies"] = _policies(row, one["values"], {})
    return found


def _policies(api: ApiInstance | None, ids: Sequence[Any], template: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the catalog: of policies that the API has, by their ids, or as they are."""
    found = []
    for one in ids:
        if one is None:
            continue
        text = str(one)
        row = None
        if api and text.isdecimal() and len(text) <= 18:
            row = PolicyBinding.objects.filter(api=api, pk=int(text)).first()
        if row is None and text not in {known.name for known in catalog.policies()}:
            raise ValidationError({"policies": [f"There is no policy {text[:80]} on this API."]})
        found.append(row.policy if row else text)
    if not found and template.get("id"):
        return _policies(api, [template["id"]], {})
    return tuple(found)


def _legacy_filter(alert: Alert) -> dict[str, Any]:
    if alert.type == Type.CODES:
        return {
            "filter": [
                {"property": "responseCode", "operator": "IN", "values": [str(code) for code in alert.codes]}
            ]
        }
    if alert.type == Type.SLOW:
        told = {"property": "responseTime", "operator": "GREATER_THAN", "values": str(alert.slower_ms)}
        return {"filter": [told]}
    return {}


def _resources(alert: Alert) -> list[dict[str, Any]]:
    filters: list[dict[str, Any]] = []
    if alert.type == Type.CODES:
        filters.append({"name": "response_code", "values": [str(code) for code in alert.codes]})
    if alert.type == Type.VIOLATIONS and alert.policies:
        filters.append({"name": "policy_id", "values": list(alert.policies)})
    one: dict[str, Any] = {"type": "api", "deploymentType": "HYBRID"}
    if alert.api_id:
        one |= {"apiVersionId": str(alert.api_id), "apiId": str(alert.api_id)}
    if filters:
        one["subFilters"] = filters
    return [one] if alert.api_id or filters else []


def _binding(alert: Alert) -> str | None:
    """The API's policy of that name, by its id; None for an automated one, or for any."""
    if alert.type != Type.VIOLATIONS or len(alert.policies) != 1 or alert.api is None:
        return None
    found = [one.pk for one in alert.api.policies.all() if one.policy == alert.policies[0]]
    return str(found[0]) if found else None


def _template(alert: Alert) -> dict[str, Any] | None:
    if alert.type != Type.VIOLATIONS or len(alert.policies) != 1:
        return None
    try:
        title = catalog.find(alert.policies[0]).title
    except catalog.UnknownPolicy:
        title = alert.policies[0]
    return {"id": alert.policies[0], "name": title}


def _person(user: User) -> dict[str, Any]:
    return {
        "type": "user",
        "value": str(user.pk),
        "firstName": user.first_name,
        "lastName": user.last_name,
    }


def _numbers(sent: Any, field: str) -> tuple[int, ...]:
    """From numbers, or texts of digits, or several in one text with commas between them."""
    parts: list[Any] = []
    for one in sent if isinstance(sent, list | tuple) else [sent]:
        parts += one.replace(",", " ").split() if isinstance(one, str) else [one]
    found = []
    for part in parts[:100]:
        is_number = isinstance(part, int) and not isinstance(part, bool) and 0 <= part < 2**63
        if not is_number and not (
            isinstance(part, str) and part.isascii() and part.isdecimal() and len(part) < 19
        ):
            raise ValidationError({field: [f"{str(part)[:40]} is no number."]})
        found.append(int(part))
    return tuple(found)


def _whole(value: float) -> float | int:
    return int(value) if math.isfinite(value) and value == int(value) else value


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
