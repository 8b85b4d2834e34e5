"""What is found of an API as somebody is editing it, beside what is found of it as it is saved."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace

from apis.desired import DesiredApi
from apis.lint.finding import Finding
from apis.lint.findings import of_subject
from apis.lint.subject import Subject, subject
from apis.models import ApiInstance, PolicyBinding
from apis.rules.policy_place import placed

_OF_LISTENER = "listener-port"


@dataclass(frozen=True)
class Edited:
    """`here` is found of what is edited; `beside` of the rest of the API, by the edit alone; `gone` of what
    is saved, and no longer with the edit.
    """

    here: Sequence[Finding]
    beside: Sequence[Finding]
    gone: Sequence[Finding]


def by_policy(api: ApiInstance, binding: PolicyBinding) -> Edited:
    """With this policy, which is saved or not, as it stands in its form."""
    edited = subject(api, placed(api.policies.all(), binding))
    return _compared(subject(api), edited, lambda one: one.place.id == f"policy:{binding.pk}")


def by_routes(api: ApiInstance, desired: DesiredApi) -> Edited:
    """With where it listens and its routes as they stand in their form."""
    saved = subject(api)
    now = copy(saved.api)
    for name in ("protocol", "port", "base_path", "tls_context", "consumer_endpoint"):
        setattr(now, name, getattr(desired, name))
    edited = replace(saved, api=now, routes=desired.routes)
    own = ("route:", "upstream:")
    return _compared(saved, edited, lambda one: one.place.id.startswith(own) or one.code == _OF_LISTENER)


def _compared(saved: Subject, edited: Subject, is_here: Callable[[Finding], bool]) -> Edited:
    """A route that is edited has another id: what was found of it is looked for under its title."""
    was, now = of_subject(saved).told, of_subject(edited).told
    known = {(one.code, one.place.id) for one in was}
    still = {(one.code, one.place.title) for one in now}
    return Edited(
        [one for one in now if is_here(one)],
        [one for one in now if not is_here(one) and (one.code, one.place.id) not in known],
        [one for one in was if (one.code, one.place.title) not in still],
    )
