"""The rows that a question is asked of: the grain's own, and finer ones where its rollup is stale."""

from analytics.grains import WINDOW, Family, Grain

_IN_RANGE = "time >= %(start)s AND time < %(end)s"


def rows(family: Family, grain: Grain, mine: str = "api_id = ANY(%(apis)s)") -> str:
    """A subquery over `family.columns`, with the parameters of the condition `mine`, start and end.

    One statement reads one snapshot, so a request that moves from a finer table to a coarser one
    meanwhile is counted once.
    """
    parts = [
        f"SELECT {family.columns} FROM {family.table(grain)} WHERE {mine} AND {_IN_RANGE}{_fresh(grain)}"
    ]
    below = grain
    while below.finer:
        parts.append(_finer(family, below, mine))
        below = below.finer
    return "(" + " UNION ALL ".join(parts) + ") AS source"


def _finer(family: Family, stale: Grain, mine: str) -> str:
    """The finer rows of the periods that are stale at grain `stale`, driven from those few periods."""
    assert stale.finer
    return (
        f"SELECT {family.columns} FROM ("
        f"SELECT DISTINCT time AS period FROM analytics_stale WHERE grain = '{stale.name}'"
        f" AND time > %(start)s - interval '{stale.seconds} seconds' AND time < %(end)s"
        f") AS stale JOIN {family.table(stale.finer)} ON time >= period"
        f" AND time < period + interval '{stale.seconds} seconds'"
        f" WHERE {mine} AND {_IN_RANGE}{_fresh(stale.finer)}"
    )


def _fresh(grain: Grain) -> str:
    """That the rollup holds everything of this row's period."""
    if grain is WINDOW:
        return ""
    return f" AND time NOT IN (SELECT time FROM analytics_stale AS known WHERE grain = '{grain.name}')"
