"""All that is found in an API as it is saved: one list for pages, REST and the review of what is pending."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from apis.lint import contracts, policies, routes, transport
from apis.lint.codes import SEVERITIES, Severity
from apis.lint.finding import Finding, in_order
from apis.lint.subject import LintedApi, subject, subjects
from apis.models import ApiInstance
from apis.muted_finding import MutedFinding

MOST = 300
"""Of one API: so many are told, the gravest first."""


@dataclass(frozen=True)
class Findings:
    """`muted` are those that somebody muted, each with the reason."""

    told: Sequence[Finding]
    muted: Sequence[Finding]

    def counted(self) -> dict[Severity, int]:
        """By severity, those of which there are any."""
        counts = {one: sum(it.severity == one for it in self.told) for one in SEVERITIES}
        return {one: count for one, count in counts.items() if count}

    def at(self, place: str) -> list[Finding]:
        return [one for one in self.told if one.place.id == place]


def findings(api: ApiInstance) -> Findings:
    """In a number of queries that does not depend on what there is."""
    return of_subject(subject(api))


def findings_of(apis: Iterable[int]) -> dict[int, Findings]:
    """By API, in as many queries however many there are."""
    return of_subjects(subjects(apis))


def of_subjects(found: Sequence[LintedApi]) -> dict[int, Findings]:
    """By API, with one query."""
    muted = _muted([one.api.pk for one in found])
    return {one.api.pk: _sorted(one, muted.get(one.api.pk, ())) for one in found}


def of_subject(one: LintedApi) -> Findings:
    return _sorted(one, _muted([one.api.pk]).get(one.api.pk, ()))


def _sorted(one: LintedApi, muted: Sequence[MutedFinding]) -> Findings:
    known = {(it.code, it.place): it for it in muted}
    found = in_order(replace(it, muted=known.get((it.code, it.place.id))) for it in _found(one))[:MOST]
    return Findings([it for it in found if not it.muted], [it for it in found if it.muted])


def _found(one: LintedApi) -> Iterator[Finding]:
    yield from routes.findings(one.api.pk, one.routes, one.api.base_path, one.acting)
    yield from policies.findings(one)
    yield from transport.findings(one)
    yield from contracts.findings(one)


def _muted(apis: Sequence[int]) -> dict[int, list[MutedFinding]]:
    found: dict[int, list[MutedFinding]] = {}
    for one in MutedFinding.objects.filter(api__in=apis).select_related("by"):
        found.setdefault(one.api_id, []).append(one)
    return found
