"""Which APIs alerts are about: read once for all alerts of a round, or of a page."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from analytics.alerts.models import Alert
from apis.models import ApiInstance


class AlertedApi(NamedTuple):
    pk: int
    environment: UUID
    gateway: UUID | None
    is_deployed: bool
    tags: list[str]
    key: str
    name: str


Apis = Mapping[int, AlertedApi]
"""By id, in their order."""


class Covered:
    """The APIs of the alerts' environments, by what alerts may be about."""

    def __init__(self, alerts: Iterable[Alert]) -> None:
        environments = {alert.environment_id for alert in alerts}
        found = ApiInstance.objects.filter(environment__in=environments).order_by("pk")
        columns = ("pk", "environment", "gateway", "is_deployed", "tags", "asset__name", "label")
        self.all = {
            pk: AlertedApi(pk, environment, gateway, is_deployed, tags, f"api:{pk}", called(asset, label))
            for pk, environment, gateway, is_deployed, tags, asset, label in found.values_list(*columns)
        }
        self._known: dict[tuple[object, ...], Apis] = {}

    def of(self, alert: Alert) -> Apis:
        """By id; the same object for alerts that are about the same."""
        key = (alert.environment_id, alert.about, alert.api_id, alert.tag.casefold(), alert.gateway_id)
        if key not in self._known:
            self._known[key] = self._find(alert)
        return self._known[key]

    def _find(self, alert: Alert) -> Apis:
        if alert.about == Alert.About.API:
            one = self.all.get(alert.api_id or 0)
            return {one.pk: one} if one and one.environment == alert.environment_id else {}
        here = (one for one in self.all.values() if one.environment == alert.environment_id)
        if alert.about == Alert.About.TAG:
            tag = alert.tag.casefold()
            return {one.pk: one for one in here if any(tag == has.casefold() for has in one.tags)}
        if alert.about == Alert.About.GATEWAY:
            return {one.pk: one for one in here if one.gateway == alert.gateway_id}
        return {one.pk: one for one in here}


def called(asset: str, label: str) -> str:
    """What messages and incidents call an API."""
    return f"{asset} ({label})" if label else asset
