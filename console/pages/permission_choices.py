"""Permissions to choose from, in forms."""

from console.models import User
from console.permissions import ABOUT, Permission

PERMISSIONS = [(one.value, f"{one.label}: {ABOUT[one]}") for one in Permission]


def chosen_among(owner: User) -> list[tuple[str, str]]:
    """Those that somebody holds, wherever that is."""
    held = owner.held().anywhere
    return [one for one in PERMISSIONS if one[0] in held]
