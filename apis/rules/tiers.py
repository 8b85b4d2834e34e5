"""What an SLA tier may say: its name, and limits that a gateway can hold to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from apis.contracts.models import Tier
from apis.rules.problem import Problem

MOST_TIERS = 1000
"""Of one API."""
LONGEST_NAME, LONGEST_DESCRIPTION = 120, 10_000
MOST_REQUESTS, LONGEST_PERIOD_MS = 2**31 - 1, 366 * 24 * 3600 * 1000


def problems(tier: Tier, given: Mapping[str, Any]) -> Iterator[Problem]:
    """Of what is `given` of it. Limits are rows of `Tier.limits`."""
    if "name" in given:
        yield from _name(tier, given["name"])
    if len(given.get("description", "")) > LONGEST_DESCRIPTION:
        yield Problem("description", f"The description is longer than {LONGEST_DESCRIPTION:,} characters.")
    if "\0" in given.get("description", ""):
        yield Problem("description", "The description has a character that is none.")
    if "limits" in given:
        yield from _limits(given["limits"])
    status = given.get("status", tier.status)
    if status not in Tier.Status.values:
        yield Problem("status", f'"{str(status)[:40]}" is no status; write ACTIVE or DEPRECATED.')


def _name(tier: Tier, name: str) -> Iterator[Problem]:
    if not name:
        yield Problem("name", "Give the tier a name.")
    elif len(name) > LONGEST_NAME:
        yield Problem("name", f"The name is longer than {LONGEST_NAME} characters.")
    elif not name.isprintable():
        yield Problem("name", "The name has characters that cannot be shown; write it in one line.")
    elif Tier.objects.filter(api=tier.api_id, name=name).exclude(pk=tier.pk).exists():
        yield Problem("name", f'The API has a tier "{name}" already; choose another name.', code="conflict")


def _limits(limits: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    if not 1 <= len(limits) <= Tier.MOST_LIMITS:
        message = f"A tier has at least one limit and at most {Tier.MOST_LIMITS}; these are {len(limits)}."
        yield Problem("limits", message)
        return
    for number, limit in enumerate(limits, 1):
        of = f"Limit {number}: " if len(limits) > 1 else ""
        if not 1 <= limit["maximumRequests"] <= MOST_REQUESTS:
            yield Problem("limits", f"{of}write from 1 to {MOST_REQUESTS:,} requests.")
        if not 1 <= limit["timePeriodInMilliseconds"] <= LONGEST_PERIOD_MS:
            yield Problem("limits", f"{of}a period lasts from 1 ms to 366 days.")
    if len({(one["maximumRequests"], one["timePeriodInMilliseconds"]) for one in limits}) < len(limits):
        yield Problem("limits", "Two limits are the same; keep one.")
    if len(limits) == 1 and not limits[0].get("visible", True):
        yield Problem("limits", "The only limit cannot be hidden: applications would not know of any.")
