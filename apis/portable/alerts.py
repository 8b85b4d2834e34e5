"""Alerts of an API, as data: analytics, which lies above API Manager, tells them and makes them.

Whoever keeps alerts calls `register` when its app starts. `told(api)` answers them as JSON that names no
ids; `put(actor, api, rows)` makes the API's alerts exactly these, in the caller's transaction, writes the
audit entry, says what is otherwise than the rows have it, and raises ValidationError by field for those that
it does not understand.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import ValidationError

from apis.models import ApiInstance
from console.models import User

Row = dict[str, Any]
AlertsOf = Callable[[ApiInstance], Sequence[Row]]
Put = Callable[[User, ApiInstance, Sequence[Row]], Sequence[str]]
NONE_HERE = "This console keeps no alerts; leave them out."
_registered: list[tuple[AlertsOf, Put]] = []


def register(told: AlertsOf, put: Put) -> None:
    _registered[:] = [(told, put)]


def told(api: ApiInstance) -> Sequence[Row]:
    return _registered[0][0](api) if _registered else ()


def put(actor: User, api: ApiInstance, rows: Sequence[Row]) -> Sequence[str]:
    """Raises ValidationError for what nobody would keep."""
    if _registered:
        return _registered[0][1](actor, api, rows)
    if rows:
        raise ValidationError({"alerts": [NONE_HERE]})
    return ()
