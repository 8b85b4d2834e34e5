"""The form of an alert: its fields, what was typed of them, and the alert that they want."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Func, QuerySet
from django.http import QueryDict
from django.urls import reverse

from analytics.alerts import permission, rules, wording
from analytics.alerts.form_schema import COMPARED, PRESETS, schema
from analytics.alerts.models import Alert
from analytics.alerts.wanted import WantedAlert
from apis.models import ApiInstance
from console.forms import schema_data, schema_form, searched
from console.forms.schema_form import Choice, Field
from console.models import Environment, User
from console.numbers import numbers

Type, About = Alert.Type, Alert.About
OFFERED = 100
"""Of tags, which can be typed as well."""
_PLAIN = ("name", "type", "severity", "about", "operator", "subject", "message", "tag")
_NUMBERS = ("threshold", "window_minutes", "periods", "percentile", "slower_ms")

Values = dict[str, Any]


@dataclass
class AlertForm:
    """`alert` is None for a new one. `values` are what its controls show; `apis` those about which it may be,
    where it is to be about one of them alone.
    """

    environment: Environment
    alert: Alert | None
    values: Values
    errors: dict[str, list[str]]
    apis: QuerySet[ApiInstance] | None = None

    @property
    def schema(self) -> dict[str, Any]:
        is_new, of_one_api = self.alert is None, self.apis is not None
        return schema(self.environment, self.values, is_new=is_new, of_one_api=of_one_api)

    @property
    def choices(self) -> QuerySet[ApiInstance]:
        """The APIs about which it may be."""
        everything = ApiInstance.objects.filter(environment=self.environment)
        return everything if self.apis is None else self.apis

    @property
    def fields(self) -> list[Field]:
        found = schema_form.fields(self.schema, self.values, self.errors, prefix="")
        return [self._finished(one) for one in found]

    def read(self, data: QueryDict) -> None:
        self.values = schema_data.read(self.schema, data, prefix="")
        if self.alert:
            self.values["type"] = self.alert.type

    def wanted(self) -> WantedAlert:
        """Raises ValidationError by the form's names for what cannot be read."""
        values, errors = self.values, {}
        told: dict[str, Any] = {name: values[name] for name in _PLAIN if values.get(name) is not None}
        for name in _NUMBERS:
            found = values.get(name)
            if isinstance(found, int | float) and not isinstance(found, bool):
                told[name] = found if name == "threshold" else int(found)
            elif found is not None:
                errors[name] = [f"{str(found)[:40]} is no number."]
        for name, read in (("api", self._api), ("gateway", _uuid)):
            try:
                told[name] = read(values.get(name)) if values.get("about") == name else None
            except ValidationError as error:
                errors[name] = error.messages
        for name, read_lists in (("codes", self._codes), ("people", self._people)):
            try:
                told |= read_lists()
            except ValidationError as error:
                errors[name if name != "codes" else "other_codes"] = error.messages
        if values.get("type") in (*COMPARED, Type.CERTIFICATE) and values.get("threshold") is None:
            errors.setdefault("threshold", ["Write a number."])
        if errors:
            raise ValidationError(errors)
        told["is_together"] = values.get("counted") == "together"
        told["policies"] = tuple(values.get("policies", ()))
        told["destinations"] = tuple(numbers([str(one) for one in values.get("destinations", ())]))
        return WantedAlert(**told, is_enabled=self.alert.is_enabled if self.alert else True)

    def _api(self, typed: object) -> int | None:
        """An id, a name as it is suggested, or a name that one API alone has."""
        found = searched.one(self.choices, str(typed or ""))
        return found.pk if found else None

    def _codes(self) -> dict[str, Any]:
        typed = str(self.values.get("other_codes") or "").replace(",", " ").split()
        bad = [one for one in typed if not (one.isdecimal() and len(one) == 3)]
        if bad:
            raise ValidationError(f"{bad[0][:20]} is no status; write three digits.")
        ticked = [int(one) for one in self.values.get("codes", ()) if str(one).isdecimal()]
        return {"codes": tuple(dict.fromkeys([*ticked, *map(int, typed)]))}

    def _people(self) -> dict[str, Any]:
        typed = [str(one) for one in self.values.get("people", ())][: 3 * rules.MOST_TOLD]
        known = {
            one.username.casefold(): one.pk for one in User.objects.filter(username__in=typed, is_active=True)
        }
        missing = [one for one in typed if one.casefold() not in known and "@" not in one]
        if missing:
            raise ValidationError(f"Nobody has the login {missing[0][:80]}.")
        people = tuple(known[one.casefold()] for one in typed if one.casefold() in known)
        return {
            "users": people,
            "addresses": tuple(one for one in typed if one.casefold() not in known),
        }

    def _finished(self, field: Field) -> Field:
        """With what can be chosen among thousands: APIs as they are typed, some of the tags."""
        if field.name == "api":
            address = reverse("alert_apis", args=[self.alert.pk]) if self.alert else reverse("alert_new_apis")
            searching = {**field.attributes, **searched.attributes(address)}
            return replace(field, kind="suggested", attributes=searching)
        if field.name == "tag":
            rows_of_tags = ApiInstance.objects.filter(environment=self.environment)
            tags = rows_of_tags.annotate(one=Func("tags", function="unnest")).order_by("one")
            found = tags.values_list("one", flat=True).distinct()[:OFFERED]
            return replace(field, kind="suggested", choices=tuple(_suggested(tag) for tag in found))
        if field.name == "type" and self.alert:
            return replace(field, attributes={**field.attributes, "disabled": True})
        return field


def form_of(
    user: User, environment: Environment, alert: Alert | None, initial: Values | None = None
) -> AlertForm:
    """For who may manage alerts about single APIs alone, it offers those."""
    is_narrow = not permission.may_manage_all(user, environment)
    is_narrow = is_narrow and (alert is None or permission.may_manage(user, alert))
    apis = permission.manageable(user, environment) if is_narrow else None
    return AlertForm(environment, alert, _values(alert) if alert else initial or {}, {}, apis)


def named(errors: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """By the form's own names."""
    names = {"users": "people", "addresses": "people", "codes": "other_codes", "is_together": "counted"}
    found: dict[str, list[str]] = {}
    for field, messages in errors.items():
        found.setdefault(names.get(field, field), []).extend(messages)
    return found


def _values(alert: Alert) -> Values:
    users = dict(User.objects.filter(pk__in=alert.users).values_list("pk", "username"))
    subject, message = wording.usual(alert.type)
    return {
        **{name: getattr(alert, name) for name in (*_PLAIN, *_NUMBERS)},
        "threshold": int(alert.threshold) if alert.threshold == int(alert.threshold) else alert.threshold,
        "api": searched.suggestion(alert.api) if alert.api else None,
        "gateway": str(alert.gateway_id) if alert.gateway_id else None,
        "counted": "together" if alert.is_together else "each",
        "codes": [code for code in alert.codes if code in PRESETS],
        "other_codes": " ".join(str(code) for code in alert.codes if code not in PRESETS),
        "policies": list(alert.policies),
        "people": [users[pk] for pk in alert.users if pk in users] + list(alert.addresses),
        "destinations": [str(one) for one in alert.destinations],
        "subject": "" if alert.subject == subject else alert.subject,
        "message": "" if alert.message == message else alert.message,
    }


def _suggested(text: str) -> Choice:
    return Choice(text, text, False)


def _uuid(typed: object) -> UUID | None:
    try:
        return UUID(str(typed)) if typed else None
    except ValueError:
        return None
