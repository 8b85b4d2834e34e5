"""What somebody wants an alert to be, before it is checked."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from analytics.alerts import wording
from analytics.alerts.models import Alert


@dataclass(frozen=True)
class WantedAlert:
    """`api` and `gateway` are ids in its environment. An empty subject or message is the usual one."""

    name: str = ""
    type: str = ""
    severity: str = Alert.Severity.WARNING
    about: str = Alert.About.ENVIRONMENT
    api: int | None = None
    tag: str = ""
    gateway: UUID | None = None
    is_together: bool = False
    operator: str = Alert.Operator.ABOVE
    threshold: float = 0
    window_minutes: int = 5
    periods: int = 1
    codes: Sequence[int] = ()
    policies: Sequence[str] = ()
    percentile: int = 95
    slower_ms: int = 1000
    users: Sequence[UUID] = ()
    addresses: Sequence[str] = ()
    destinations: Sequence[int] = ()
    subject: str = ""
    message: str = ""
    is_enabled: bool = True


_LISTS = ("codes", "policies", "users", "addresses", "destinations")
_KEYS = {"api": "api_id", "gateway": "gateway_id"}


def wanted_of(alert: Alert) -> WantedAlert:
    """As it is."""
    values = {one.name: getattr(alert, _KEYS.get(one.name, one.name)) for one in fields(WantedAlert)}
    return WantedAlert(**values | {name: tuple(values[name]) for name in _LISTS})


def put(wanted: WantedAlert, alert: Alert) -> None:
    """What is wanted, where it counts for this type; the rest as it comes."""
    values: dict[str, Any] = {one.name: getattr(wanted, one.name) for one in fields(WantedAlert)}
    values |= {name: list(dict.fromkeys(values[name])) for name in _LISTS}
    usual = WantedAlert()
    for name, types in _ONLY_FOR.items():
        if wanted.type not in types:
            values[name] = list(getattr(usual, name)) if name in _LISTS else getattr(usual, name)
    for name, about in (("api", "api"), ("tag", "tag"), ("gateway", "gateway")):
        if wanted.about != about:
            values[name] = getattr(usual, name)
    subject, message = wording.usual(wanted.type)
    values["name"], values["tag"] = wanted.name.strip(), values["tag"].strip()
    values["subject"] = " ".join(wanted.subject.split()) or subject
    values["message"] = wanted.message.replace("\r\n", "\n").strip() or message
    if wanted.about == Alert.About.API:
        values["is_together"] = False
    for name, value in values.items():
        setattr(alert, _KEYS.get(name, name), value)


Type = Alert.Type
_COMPARED = (
    Type.REQUESTS,
    Type.CODES,
    Type.TIME,
    Type.VIOLATIONS,
    Type.PERCENTILE,
    Type.SLOW,
    Type.ERRORS,
)
_ONLY_FOR: dict[str, tuple[str, ...]] = {
    "operator": _COMPARED,
    "threshold": (*_COMPARED, Type.CERTIFICATE),
    "is_together": (*_COMPARED, Type.SILENT),
    "window_minutes": (*_COMPARED, Type.SILENT, Type.AWAY),
    "periods": _COMPARED,
    "codes": (Type.CODES,),
    "policies": (Type.VIOLATIONS,),
    "percentile": (Type.PERCENTILE,),
    "slower_ms": (Type.SLOW,),
}
