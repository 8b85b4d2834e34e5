"""The types of alerts: what each looks at, in which unit, and what it may be about."""

from dataclasses import dataclass

from analytics.alerts.models import Alert

Type, About = Alert.Type, Alert.About
EVERYWHERE = (About.API, About.TAG, About.GATEWAY, About.ENVIRONMENT)


@dataclass(frozen=True)
class AlertKind:
    """`is_compared`: it has an operator and a threshold. `is_traffic`: it is seen in what gateways count.

    `at_rest` is its value where there were no requests; None: it has none.
    """

    type: str
    told: str
    unit: str = ""
    abouts: tuple[str, ...] = EVERYWHERE
    is_traffic: bool = True
    is_compared: bool = True
    has_window: bool = True
    at_rest: float | None = None
    most: float = 1e9

    @property
    def title(self) -> str:
        return str(Type(self.type).label)


_KINDS = (
    AlertKind(Type.REQUESTS, "How many requests came", "requests", at_rest=0),
    AlertKind(Type.CODES, "How many were answered with certain statuses", "answers", at_rest=0),
    AlertKind(Type.TIME, "How long requests took, on average", "ms", most=3_600_000),
    AlertKind(Type.VIOLATIONS, "How many a policy refused", "refusals", at_rest=0),
    AlertKind(
        Type.PERCENTILE, "What most requests stay below: the 95th percentile, say", "ms", most=3_600_000
    ),
    AlertKind(Type.SLOW, "How many took longer than a time", "requests", at_rest=0),
    AlertKind(Type.ERRORS, "The share that was answered with 400 or above, or cut", "%", most=100),
    AlertKind(
        Type.SILENT, "That an API which was called before is called no more", is_compared=False, at_rest=0
    ),
    AlertKind(
        Type.AWAY,
        "That no replica of a gateway reports",
        "minutes",
        abouts=(About.GATEWAY, About.ENVIRONMENT),
        is_traffic=False,
        is_compared=False,
    ),
    AlertKind(
        Type.CERTIFICATE,
        "That a certificate which APIs use ends within some days",
        "days",
        is_traffic=False,
        is_compared=False,
        has_window=False,
        most=3650,
    ),
    AlertKind(
        Type.DEPLOYMENT,
        "That a gateway refuses what was deployed",
        is_traffic=False,
        is_compared=False,
        has_window=False,
    ),
    AlertKind(
        Type.UPSTREAM,
        "That no host of an upstream is well, as a replica's health checks tell",
        is_traffic=False,
        is_compared=False,
        has_window=False,
    ),
)
KINDS = {kind.type: kind for kind in _KINDS}


def kind_of(alert: Alert) -> AlertKind:
    return KINDS[alert.type]
