"""Who may see and change what secrets hold: one decision, asked by pages and REST alike."""

from console.models import Environment, User
from console.permissions import Permission


def may_manage(user: User, environment: Environment) -> bool:
    """Others see names and dates alone."""
    return Permission.MANAGE_SECRETS in environment.may(user)
