"""Who may see and change what secrets hold: one decision, asked by pages and REST alike."""

from console.models import Environment, Role, User


def may_manage(user: User, environment: Environment) -> bool:
    """Others see names and dates alone."""
    return not environment.roles_of(user).isdisjoint(Role.EDITORS)
