"""What somebody may see of a portable API: a file or a promotion shows them no more than pages do."""

from collections.abc import Container, Mapping

from apis.portable.shape import Part, Portable
from console.permissions import Permission

NEEDED: Mapping[Part, Permission] = {
    "tiers": Permission.VIEW_CONTRACTS,
    "alerts": Permission.VIEW_ALERTS,
    "tests": Permission.MANAGE_APIS,
}
"""What each part asks for. Tests may hold credentials."""


def unseen(may: Container[str]) -> tuple[Part, ...]:
    """The parts that stay out of sight of who `may` do this much with the API."""
    return tuple(name for name, needed in NEEDED.items() if needed not in may)


def as_seen(whole: Portable, may: Container[str]) -> Portable:
    """Without those; that nothing is said of them is said."""
    gone = unseen(may)
    return whole.model_copy(update={**dict.fromkeys(gone, ()), "without": gone}) if gone else whole
