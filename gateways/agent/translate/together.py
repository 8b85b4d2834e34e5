"""APIs that are deployed together: of a change set all change, or none does."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from gateways.agent.translate.index import Key
from gateways.protocol.resources import CHANGE_SET, AnyResource, ApiInstance


class ChangeSets:
    """The change sets that resources name."""

    def __init__(self, resources: Iterable[AnyResource] = ()) -> None:
        self._sets: defaultdict[str, list[Key]] = defaultdict(list)
        for one in resources:
            if isinstance(one, ApiInstance) and (name := one.metadata.annotations.get(CHANGE_SET)):
                self._sets[name].append(one.key)

    def held_back(self, refused: Mapping[Key, str]) -> dict[Key, str]:
        """The others of the sets in which one is refused, each with the reason."""
        found: dict[Key, str] = {}
        for keys in self._sets.values():
            if culprit := next((key for key in keys if key in refused), None):
                reason = f"{culprit[1]}, which it is deployed together with, is refused: {refused[culprit]}"
                found |= {key: reason for key in keys if key not in refused}
        return found
