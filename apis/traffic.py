"""The figures of APIs' traffic that API Manager shows; analytics, which lies above it, gives them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, NamedTuple, Protocol, Self

from apis import resource_names
from apis.automated.models import AutomatedPolicy
from apis.contracts import named
from apis.contracts.models import Application
from apis.failing import Failing
from apis.models import PolicyBinding
from console.models import Environment
from console.statements import Statement
from gateways.protocol.histogram import Histogram

Measure = Literal["requests", "errors"]
Ruling = PolicyBinding | AutomatedPolicy
"""What decides about an API's requests: a policy of its own, or one that holds for many."""


class Traffic(NamedTuple):
    """Of the last 24 hours. `errors` are answers of 400 and above, and those that were cut.

    `hours`, where they were asked for, are (requests, errors) of each hour, the one that holds now last.
    """

    requests: int
    errors: int
    hours: tuple[tuple[int, int], ...] = ()

    @property
    def error_percent(self) -> str:
        """With two digits behind the point, rounded as people do; of requests alone."""
        hundredths = (20_000 * self.errors + self.requests) // (2 * self.requests)
        return f"{hundredths // 100}.{hundredths % 100:02}"


@dataclass(frozen=True)
class Held:
    """For how many requests of an API a policy's conditions held: in a day, or since `since`."""

    MANY: ClassVar[int] = 20

    requests: int
    of: int
    since: datetime | None = None

    @property
    def never(self) -> bool:
        """Whether they held for none of so many requests that they may well be wrong."""
        return self.of >= self.MANY and not self.requests


@dataclass(frozen=True)
class Observed:
    """How many requests of an API a policy that observes would have refused: in a day, or since `since`."""

    requests: int
    since: datetime | None = None


@dataclass(frozen=True)
class PathTraffic:
    """Requests to one path of an API, its ids replaced, in the last 24 hours. `total` is a histogram of
    microseconds.
    """

    method: str
    path: str
    requests: int
    client_errors: int
    server_errors: int
    total: Histogram


@dataclass(frozen=True)
class Recent:
    """A request as it was: of its path no query, and of its headers none but the user agent."""

    at: datetime
    method: str
    path: str
    status: int
    remote_address: str
    user_agent: str


@dataclass(frozen=True)
class ApplicationCalls:
    """Of one application to these APIs: what is counted by its label, and what gateways of the release before
    counted by its name. Of the latter, what was called before `since` may be another application's.
    """

    apis: Sequence[int]
    label: str
    name: str
    since: datetime

    @classmethod
    def of(cls, application: Application, apis: Sequence[int]) -> Self:
        labels = resource_names.labels_of_application(application.pk, application.name)
        return cls(apis, labels[0], labels[-1], named.since(application))


class TrafficSource(Protocol):
    """Each function is asked once a page, whatever the number of APIs."""

    def measured(self, environment: Environment, by: Measure, /) -> Statement: ...

    def by_hour(self, apis: Iterable[int], /) -> Mapping[int, Traffic]: ...

    def last_active(self, apis: Iterable[int], /) -> Mapping[int, datetime]: ...

    def failing(self, apis: Iterable[int], /) -> Mapping[int, Failing]: ...

    def failing_in(self, environment: Environment, /) -> Mapping[int, Failing]: ...

    def resources(self, api: int, limit: int, /) -> Sequence[PathTraffic]: ...

    def recent(self, api: int, /) -> list[Recent]: ...

    def recorded_paths(self, api: int, limit: int, /) -> Sequence[tuple[str, str]]: ...

    def held(self, policies: Iterable[PolicyBinding], api: int, /) -> Mapping[Ruling, Held]: ...

    def observed(self, policies: Iterable[Ruling], api: int, /) -> Mapping[Ruling, Observed]: ...

    def observed_by_automated(
        self, policies: Collection[AutomatedPolicy], /
    ) -> Mapping[AutomatedPolicy, Observed]: ...

    def by_application(
        self, apis: Iterable[int], names: Mapping[int, str], /
    ) -> Mapping[tuple[int, int], Traffic]: ...

    def of_applications(self, names: Mapping[int, str], /) -> Mapping[int, Traffic]: ...

    def used(
        self, calls: ApplicationCalls, periods_ms: Sequence[int], refusers: Collection[str], /
    ) -> Sequence[int]: ...


_sources: list[TrafficSource] = []


def provide(source: TrafficSource) -> None:
    """Called once, when the app that knows the figures is ready."""
    _sources[:] = [source]


def measured(environment: Environment, by: Measure) -> Statement:
    """Of (API id, measure), what all APIs of an environment are ordered by, of the last 24 hours: their
    requests, or the percentage of errors. One without figures is left out; others' may be there.
    """
    return next((source.measured(environment, by) for source in _sources), Statement("SELECT 0, 0"))


def by_hour(api_ids: Iterable[int]) -> dict[int, Traffic]:
    """The same with its hours, for as many APIs as a page shows."""
    ids = list(api_ids)
    return {pk: figures for source in _sources for pk, figures in source.by_hour(ids).items()}


def last_active(api_ids: Iterable[int]) -> dict[int, datetime]:
    """When each was called last, to the ten seconds, as far as traffic is kept; by API id."""
    ids = list(api_ids)
    return {pk: time for source in _sources for pk, time in source.last_active(ids).items()}


def recent(api: int) -> list[Recent]:
    """The newest requests of the last day that were kept as they were, the newest first."""
    return [one for source in _sources for one in source.recent(api)]


def failing(api_ids: Iterable[int]) -> dict[int, Failing]:
    """Those of these APIs whose upstreams fail, by id."""
    ids = list(api_ids)
    return {pk: found for source in _sources for pk, found in source.failing(ids).items()}


def failing_in(environment: Environment) -> dict[int, Failing]:
    """The same for all APIs of an environment."""
    return {pk: found for source in _sources for pk, found in source.failing_in(environment).items()}


def resources(api: int, limit: int) -> list[PathTraffic]:
    """The API's paths that were called most, with what clients call them by."""
    return [one for source in _sources for one in source.resources(api, limit)]


def recorded_paths(api: int, limit: int) -> list[tuple[str, str]]:
    """Methods and paths of the API's newest recorded requests of the last 24 hours, the newest first."""
    return [one for source in _sources for one in source.recorded_paths(api, limit)]


def held(policies: Iterable[PolicyBinding], api: int) -> dict[Ruling, Held]:
    """How often the conditions of these policies held, for requests of the API."""
    known = list(policies)
    return {one: found for source in _sources for one, found in source.held(known, api).items()}


def observed(policies: Iterable[Ruling], api: int) -> dict[Ruling, Observed]:
    """What these policies, which observe, would have refused of the API's requests."""
    known = list(policies)
    return {one: found for source in _sources for one, found in source.observed(known, api).items()}


def observed_by_automated(policies: Iterable[AutomatedPolicy]) -> dict[AutomatedPolicy, Observed]:
    """What those of them that observe would have refused of the requests of all APIs."""
    known = [one for one in policies if one.is_observing]
    return {one: found for source in _sources for one, found in source.observed_by_automated(known).items()}


def by_application(apis: Iterable[int], names: Mapping[int, str]) -> dict[tuple[int, int], Traffic]:
    """Of the last 24 hours, by API and application, whose names these are by id: those that had requests."""
    ids = list(apis)
    return {key: found for source in _sources for key, found in source.by_application(ids, names).items()}


def of_applications(names: Mapping[int, str]) -> dict[int, Traffic]:
    """Of the last 24 hours, of client applications: their names, by id."""
    return {pk: found for source in _sources for pk, found in source.of_applications(names).items()}


def used(calls: ApplicationCalls, periods_ms: Sequence[int], refusers: Collection[str]) -> list[int]:
    """How many requests came past these policies in each of these times up to now; none without figures."""
    return [count for source in _sources for count in source.used(calls, periods_ms, refusers)]
