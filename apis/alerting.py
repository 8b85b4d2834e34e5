"""What alerts of an API's; analytics, which lies above API Manager, tells it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from apis.models import ApiInstance
from console.models import User


@dataclass(frozen=True)
class Alerting:
    """`words` say what holds: Error rate above 5 % in 5 minutes: 12 %."""

    name: str
    words: str
    is_critical: bool
    since: datetime
    url: str


Source = Callable[[ApiInstance, User], Sequence[Alerting]]
_sources: list[Source] = []


def provide(source: Source) -> None:
    """Called once, when the app that knows is ready."""
    _sources[:] = [source]


def of(api: ApiInstance, user: User) -> list[Alerting]:
    """What asks for a look now and the user may see, the worst first."""
    return [one for source in _sources for one in source(api, user)]
