"""Alerts of one API as data that names no ids, for its file and for promotions; and alerts made of it."""

from collections.abc import Sequence
from typing import Any

import pydantic
from django.core.exceptions import ValidationError
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from analytics.alerts import change, permission
from analytics.alerts.models import Alert
from analytics.alerts.wanted import WantedAlert, wanted_of
from apis.models import ApiInstance
from console.models import User
from console.notices.models import Destination
from console.permissions import Permission

UNTOLD = "Alert {}: {} cannot be told in {}: nobody there who views alerts, no destination is called so."
OWN = ("users", "destinations")
"""What is called by names here, and by ids in the rows."""


class CarriedAlert(BaseModel):
    """An alert. Who has no role where it goes, and destinations that are not there, are told nothing."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    name: str = Field(max_length=120)
    type: str = Field(max_length=12)
    severity: str = Field("warning", max_length=8)
    operator: str = Field("above", max_length=8)
    threshold: float = Field(0, allow_inf_nan=False)
    window_minutes: int = Field(5, ge=0, le=10**6)
    periods: int = Field(1, ge=0, le=10**9)
    codes: tuple[int, ...] = Field((), max_length=100)
    policies: tuple[str, ...] = Field((), max_length=500)
    percentile: int = Field(95, ge=0, le=100)
    slower_ms: int = Field(1000, ge=0, le=10**9)
    users: tuple[str, ...] = Field((), max_length=100)
    addresses: tuple[str, ...] = Field((), max_length=100)
    destinations: tuple[str, ...] = Field((), max_length=100)
    subject: str = Field("", max_length=200)
    message: str = Field("", max_length=20_000)
    is_enabled: bool = Field(True, alias="enabled")


def told(api: ApiInstance) -> list[dict[str, Any]]:
    """Of its own alerts, in the order in which they were made."""
    rows = list(Alert.objects.filter(api=api, about=Alert.About.API).order_by("pk"))
    users = {pk for one in rows for pk in one.users}
    targets = {pk for one in rows for pk in one.destinations}
    people = dict(User.objects.filter(pk__in=users).values_list("pk", "username")) if users else {}
    named = dict(Destination.objects.filter(pk__in=targets).values_list("pk", "name")) if targets else {}
    return [_row(one, people, named) for one in rows]


def put(actor: User, api: ApiInstance, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Make the API's own alerts exactly these, by their names; what is the same stays as it is. Says whom
    they told where they come from and cannot tell here.
    """
    notes = []
    left = list(Alert.objects.filter(api=api, about=Alert.About.API).order_by("pk"))
    for given in rows:
        row = _read(given)
        wanted, untold = _wanted(api, row)
        there = next((one for one in left if one.name == row.name), None)
        if there is not None:
            left.remove(there)
        if there is not None and wanted_of(there) == wanted:
            continue
        try:
            if there is None:
                change.add(actor, api.environment, wanted)
            else:
                change.edit(actor, there, wanted)
        except ValidationError as error:
            raise ValidationError({"alerts": [f"{row.name}: {' '.join(error.messages)}"]}) from error
        if untold:
            notes.append(UNTOLD.format(row.name, ", ".join(untold), api.environment))
    for one in left:
        change.delete(actor, one)
    return notes


def _row(alert: Alert, people: dict[Any, str], named: dict[Any, str]) -> dict[str, Any]:
    kept = {name: getattr(alert, name) for name in CarriedAlert.model_fields if name not in OWN}
    row = CarriedAlert(
        **kept,
        users=tuple(sorted(people[pk] for pk in alert.users if pk in people)),
        destinations=tuple(sorted(named[pk] for pk in alert.destinations if pk in named)),
    )
    return row.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _read(given: dict[str, Any]) -> CarriedAlert:
    try:
        return CarriedAlert.model_validate(given)
    except pydantic.ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        message = f"{str(given.get('name', 'An alert'))[:120]}: {where}: {first['msg']}."
        raise ValidationError({"alerts": [message]}) from None


def _wanted(api: ApiInstance, row: CarriedAlert) -> tuple[WantedAlert, list[str]]:
    """With the names of those whom it cannot tell."""
    environment = api.environment
    found = User.objects.filter(username__in=row.users, is_active=True).order_by("username")
    people = {
        one.username: one.pk
        for one in found
        if Permission.VIEW_ALERTS in permission.may(one, environment, Alert.About.API, api.pk)
    }
    usable = Destination.objects.usable_in(environment).filter(name__in=row.destinations)
    destinations = dict(usable.order_by("name", "pk").values_list("name", "pk"))
    kept = {name: getattr(row, name) for name in CarriedAlert.model_fields if name not in OWN}
    wanted = WantedAlert(
        **kept,
        about=Alert.About.API,
        api=api.pk,
        users=tuple(people.values()),
        destinations=tuple(destinations.values()),
    )
    named = dict.fromkeys((*row.users, *row.destinations))
    return wanted, [name for name in named if name not in people and name not in destinations]
