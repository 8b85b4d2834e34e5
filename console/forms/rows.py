"""Rows of a posted form that its own submit buttons add, remove and move, with JavaScript and without.

A list named N posts one hidden field `N` for each row, holding the row's key; the row's fields are
named `N.<key>.<field>`, and lists nest. A button named `rows` says what to do: `add:N`,
`remove:N:<key>`, `up:N:<key>` or `down:N:<key>`.
"""

from django.http import QueryDict

NEW = "new"
"""The key of a row that was just added: it has no fields yet and shows the defaults."""


def wanted(data: QueryDict) -> bool:
    """Whether the form was sent by a row button, to be shown again and not to be saved."""
    return "rows" in data


def keys(data: QueryDict, name: str) -> list[str]:
    """The rows of a list, in order."""
    return data.getlist(name)


def changed(data: QueryDict) -> QueryDict:
    """The form with the asked change made; what cannot be understood changes nothing."""
    copy = data.copy()
    action, _, rest = data.get("rows", "").partition(":")
    if action == "add":
        copy.appendlist(rest, NEW)
        return copy
    name, _, key = rest.rpartition(":")
    rows = keys(data, name)
    if key in rows:
        copy.setlist(name, _moved(rows, key, action))
    return copy


def _moved(rows: list[str], key: str, action: str) -> list[str]:
    at = rows.index(key)
    others = rows[:at] + rows[at + 1 :]
    if action == "remove":
        return others
    to = {"up": max(at - 1, 0), "down": at + 1}.get(action, at)
    return [*others[:to], key, *others[to:]]
