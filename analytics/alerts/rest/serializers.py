"""Bodies and answers of alerts, in the two shapes that clients of Anypoint know. Fields that are ours alone
stand beside theirs.
"""

from typing import Any

from rest_framework import serializers as s

from analytics.alerts.models import Alert
from apis.rest.strict import StrictSerializer
from console.rest.fields import Limit, Moment, Offset, OneOf

LEGACY_TYPES = {
    "api-request-count": Alert.Type.REQUESTS,
    "api-response-code": Alert.Type.CODES,
    "api-policy-violation": Alert.Type.VIOLATIONS,
    "api-response-time": Alert.Type.TIME,
}
METRICS = {
    "api_request_count": Alert.Type.REQUESTS,
    "api_response_code_count": Alert.Type.CODES,
    "api_policy_violation_count": Alert.Type.VIOLATIONS,
    "api_response_time": Alert.Type.TIME,
    "api_response_time_percentile": Alert.Type.PERCENTILE,
    "api_slow_request_count": Alert.Type.SLOW,
    "api_error_rate": Alert.Type.ERRORS,
    "api_no_traffic": Alert.Type.SILENT,
    "gateway_disconnected": Alert.Type.AWAY,
    "certificate_ends": Alert.Type.CERTIFICATE,
    "deployment_failed": Alert.Type.DEPLOYMENT,
    "upstream_unhealthy": Alert.Type.UPSTREAM,
}
LEGACY_OPERATORS = {
    "GREATER_THAN": "above",
    "GREATER_THAN_OR_EQUAL": "at-least",
    "LESS_THAN": "below",
    "LESS_THAN_OR_EQUAL": "at-most",
    "EQUAL": "equal",
}
OPERATORS = {
    "above": "above",
    "aboveOrEquals": "at-least",
    "equal": "equal",
    "belowOrEquals": "at-most",
    "below": "below",
}
WEIGHTS = {"MINUTES": 1, "HOURS": 60, "DAYS": 1440}
SEVERITIES = {"Info": "info", "Warning": "warning", "Critical": "critical"}
TYPES = [(name, name) for name in LEGACY_TYPES]
RECIPIENTS = [(name, name) for name in ("email", "user")]
NOTIFIED = [(name, name) for name in ("email", "user", "destination")]
BASIC = [("basic", "basic")]
MOST, MOST_ROWS = 20, 100


def few(child: s.Serializer[Any], most: int, **options: Any) -> s.ListSerializer[Any]:
    return s.ListSerializer(child=child, max_length=most, **options)


class Severity(OneOf):
    """As one client writes it or another: Critical, CRITICAL, critical."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data.lower() if isinstance(data, str) else data)


def severity(**options: Any) -> Severity:
    return Severity(Alert.Severity.choices, **options)


class LegacyAlertRecipient(StrictSerializer):
    type = OneOf(RECIPIENTS)
    value = s.CharField(max_length=254)
    firstName = s.CharField(required=False, allow_blank=True, allow_null=True, max_length=254)
    lastName = s.CharField(required=False, allow_blank=True, allow_null=True, max_length=254)


class LegacyAlertFilter(StrictSerializer):
    property = OneOf(["responseCode", "responseTime"])
    operator = s.CharField(max_length=40)
    values = s.JSONField(help_text="Statuses, or milliseconds from when on a request counts.")


class LegacyAlertCondition(StrictSerializer):
    resourceType = s.CharField(required=False, max_length=40)
    aggregate = OneOf(["COUNT"], required=False)
    operator = OneOf(list(LEGACY_OPERATORS))
    value = s.FloatField()
    filter = few(LegacyAlertFilter(), 1, required=False)


class LegacyAlertDuration(StrictSerializer):
    count = s.IntegerField(min_value=1, max_value=999_999_999)
    weight = OneOf(list(WEIGHTS))


class LegacyAlertPeriod(StrictSerializer):
    duration = LegacyAlertDuration()
    repeat = s.IntegerField(min_value=1, max_value=999_999_999)


class LegacyAlertTemplate(StrictSerializer):
    id = s.CharField(max_length=120)
    name = s.CharField(required=False, allow_blank=True, allow_null=True, max_length=255)


class LegacyBody(StrictSerializer):
    """An alert about one API."""

    also_known = ("id", "state", "lastModified", "createdAt", "subject", "message")

    apiAlertsVersion = OneOf(["1.0.0"], required=False)
    name = s.CharField(max_length=120)
    type = OneOf(TYPES)
    enabled = s.BooleanField(default=True)
    severity = severity()
    recipients = few(LegacyAlertRecipient(), 2 * MOST)
    condition = LegacyAlertCondition()
    period = LegacyAlertPeriod()
    policyId = s.CharField(required=False, allow_null=True, max_length=40)
    policyTemplate = LegacyAlertTemplate(required=False, allow_null=True)


class LegacyShape(s.Serializer[Any]):
    id = s.IntegerField()
    apiAlertsVersion = s.CharField()
    name = s.CharField()
    type = s.CharField()
    enabled = s.BooleanField()
    severity = s.CharField()
    state = s.CharField()
    recipients = LegacyAlertRecipient(many=True)
    condition = LegacyAlertCondition()
    period = LegacyAlertPeriod()
    policyId = s.CharField(allow_null=True)
    policyTemplate = LegacyAlertTemplate(allow_null=True)
    createdAt = Moment()
    lastModified = Moment()


class AlertSubFilter(StrictSerializer):
    name = OneOf(["response_code", "policy_id"])
    values = s.ListField(child=s.JSONField(), max_length=MOST)


class AlertResourceBody(StrictSerializer):
    apiVersionId = s.JSONField(required=False)
    apiId = s.JSONField(required=False)
    type = s.CharField(required=False, max_length=40)
    deploymentType = s.CharField(required=False, max_length=40)
    subFilters = few(AlertSubFilter(), 2, required=False)


class AlertConditionBody(StrictSerializer):
    operator = OneOf(list(OPERATORS), required=False)
    threshold = s.FloatField(required=False)
    interval = s.IntegerField(
        required=False, min_value=1, max_value=999_999_999, help_text="The window's minutes."
    )
    periods = s.IntegerField(
        required=False,
        min_value=1,
        max_value=999_999_999,
        help_text="For how many windows in a row it must hold.",
    )
    percentile = s.IntegerField(required=False)
    slowerThan = s.IntegerField(required=False, help_text="Milliseconds.")


class AlertNotificationBody(StrictSerializer):
    type = OneOf(NOTIFIED)
    recipients = s.ListField(
        child=s.CharField(max_length=254),
        max_length=MOST,
        help_text="Mail addresses; logins or ids of users; ids of destinations.",
    )
    subject = s.CharField(required=False, allow_blank=True, max_length=200)
    message = s.CharField(required=False, allow_blank=True, max_length=4000)


class AlertAboutBody(StrictSerializer):
    kind = OneOf(Alert.About.values)
    tag = s.CharField(required=False, allow_blank=True, max_length=60)
    gatewayId = s.UUIDField(required=False, allow_null=True)
    together = s.BooleanField(default=False, help_text="All APIs added up, and not each by itself.")


class AlertBody(StrictSerializer):
    also_known = (
        "alertId",
        "createdAt",
        "lastModified",
        "state",
        "silencedUntil",
        "stateSince",
        "product",
        "masterOrganizationId",
    )

    type = OneOf(BASIC, required=False)
    name = s.CharField(max_length=120)
    severity = severity()
    organizationId = s.UUIDField(required=False)
    environmentId = s.UUIDField(required=False)
    resourceType = OneOf(["api"], required=False)
    deploymentType = s.CharField(required=False, allow_null=True, max_length=40)
    metricType = OneOf(list(METRICS))
    resources = few(AlertResourceBody(), 1, required=False)
    condition = AlertConditionBody(required=False)
    wildcardAlert = s.BooleanField(default=False, help_text="About every API of the environment.")
    notifications = few(AlertNotificationBody(), 3, required=False)
    enabled = s.BooleanField(default=True)
    about = AlertAboutBody(
        required=False, help_text="Where it is not one API: a tag, a gateway, the environment."
    )


class AlertPatch(AlertBody):
    name = s.CharField(required=False, max_length=120)
    severity = severity(required=False)
    metricType = OneOf(list(METRICS), required=False)
    wildcardAlert = s.BooleanField(required=False)
    enabled = s.BooleanField(required=False)


class AlertShape(s.Serializer[Any]):
    alertId = s.CharField()
    type = s.CharField()
    name = s.CharField()
    severity = s.CharField()
    masterOrganizationId = s.UUIDField()
    organizationId = s.UUIDField()
    environmentId = s.UUIDField()
    resourceType = s.CharField()
    deploymentType = s.CharField()
    metricType = s.CharField()
    resources = AlertResourceBody(many=True)
    condition = AlertConditionBody()
    wildcardAlert = s.BooleanField()
    notifications = AlertNotificationBody(many=True)
    about = AlertAboutBody()
    enabled = s.BooleanField()
    state = s.CharField(help_text="pending, ok, alerting, silenced or paused.")
    stateSince = Moment()
    silencedUntil = Moment(allow_null=True)
    createdAt = Moment()
    lastModified = Moment()


class AlertPageQuery(s.Serializer[Any]):
    limit = Limit(MOST_ROWS)
    offset = Offset()
    sort = OneOf(["id", "name", "severity", "type", "createdAt", "lastModified"], default="id")
    ascending = s.BooleanField(default=True)


class AlertListQuery(AlertPageQuery):
    type = OneOf(BASIC, required=False)
    apiId = s.IntegerField(required=False, min_value=0, max_value=2**63 - 1)
    resourceType = OneOf(["api"], required=False)


class AlertSilenceBody(StrictSerializer):
    minutes = s.IntegerField(min_value=0, max_value=43200, help_text="0 ends the silence.")


class AlertIncidentShape(s.Serializer[Any]):
    key = s.CharField()
    name = s.CharField()
    since = Moment()
    raisedAt = Moment(source="raised_at", allow_null=True)
    resolvedAt = Moment(source="resolved_at", allow_null=True)
    value = s.FloatField(allow_null=True)
    newest = s.FloatField(allow_null=True)
    ending = s.CharField(allow_blank=True)
