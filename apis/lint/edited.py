"""What is found of an API as somebody is editing it, beside what is found of it as it is saved."""

from collections.abc import Callable, Collection, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import NamedTuple

from apis.automated.models import AutomatedPolicy
from apis.desired import DesiredApi
from apis.lint.finding import Finding
from apis.lint.findings import of_subject, of_subjects
from apis.lint.subject import LintedApi, subject, subjects_under
from apis.models import ApiInstance, PolicyBinding
from apis.rules.policy_place import placed

_OF_LISTENER = "listener-port"
MOST_NAMED = 3
"""APIs of a finding; the others are counted."""


@dataclass(frozen=True)
class Edited:
    """`here` is found of what is edited; `beside` of the rest of the API, by the edit alone; `gone` of what
    is saved, and no longer with the edit.
    """

    here: Sequence[Finding]
    beside: Sequence[Finding]
    gone: Sequence[Finding]


class Spread(NamedTuple):
    """What is found of several APIs alike."""

    finding: Finding
    apis: list[str]

    @property
    def where(self) -> str:
        more = len(self.apis) - MOST_NAMED
        return ", ".join(self.apis[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True)
class EditedForMany:
    """The same of the APIs that an automated policy holds for, of which so many were looked at."""

    here: Sequence[Spread]
    beside: Sequence[Spread]
    gone: Sequence[Spread]
    looked_at: int


def by_policy(api: ApiInstance, binding: PolicyBinding) -> Edited:
    """With this policy, which is saved or not, as it stands in its form."""
    edited = subject(api, placed(api.policies.all(), binding))
    return _of_one(subject(api), edited, lambda one: one.place.id == f"policy:{binding.pk}")


def by_routes(api: ApiInstance, desired: DesiredApi) -> Edited:
    """With where it listens and its routes as they stand in their form."""
    saved = subject(api)
    now = copy(saved.api)
    for name in ("protocol", "port", "base_path", "tls_context", "consumer_endpoint"):
        setattr(now, name, getattr(desired, name))
    edited = replace(saved, api=now, routes=desired.routes)
    own = ("route:", "upstream:")
    return _of_one(saved, edited, lambda one: one.place.id.startswith(own) or one.code == _OF_LISTENER)


def by_automated(policy: AutomatedPolicy, place: int, apis: Collection[int]) -> EditedForMany:
    """With this automated policy, which is saved or not, as it stands in its form: of these APIs. `place` is
    behind how many of the environment's others it runs.
    """
    others = list(policy.environment.automated_policies.exclude(pk=policy.pk))
    shown = copy(policy)
    shown.pk = policy.pk or 0
    saved, now = subjects_under(apis, [*others[:place], shown, *others[place:]])
    was_told, now_told = of_subjects(saved), of_subjects(now)
    parts: tuple[dict[tuple[str, str], Spread], ...] = ({}, {}, {})
    for api in (one.api for one in now):
        told = _compared(
            was_told[api.pk].told, now_told[api.pk].told, lambda one: one.place.id == f"automated:{shown.pk}"
        )
        for part, found in zip(parts, (told.here, told.beside, told.gone), strict=True):
            for one in found:
                part.setdefault((one.code, one.message), Spread(one, [])).apis.append(str(api))
    here, beside, gone = (list(part.values()) for part in parts)
    return EditedForMany(here, beside, gone, len(now))


def _of_one(saved: LintedApi, edited: LintedApi, is_here: Callable[[Finding], bool]) -> Edited:
    return _compared(of_subject(saved).told, of_subject(edited).told, is_here)


def _compared(was: Sequence[Finding], now: Sequence[Finding], is_here: Callable[[Finding], bool]) -> Edited:
    """A route that is edited has another id: what was found of it is looked for under its title."""
    known = {(one.code, one.place.id) for one in was}
    still = {(one.code, one.place.title) for one in now}
    return Edited(
        [one for one in now if is_here(one)],
        [one for one in now if not is_here(one) and (one.code, one.place.id) not in known],
        [one for one in was if (one.code, one.place.title) not in still],
    )
