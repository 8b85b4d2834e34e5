"""What differs between two contents of an API: field by field in words, and as YAML."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from functools import cached_property
from itertools import islice
from uuid import UUID

from apis import history
from apis.history import FieldChange
from apis.models import TlsContext
from apis.revision import Content, Document, Revision, name
from apis.revisions import export
from apis.revisions.export import Secret
from apis.revisions.facts import facts, policies
from policies import catalog

NOTHING = Content((), {})
"""The content of an API that no gateway runs."""
Pairs = Mapping[int, tuple[int | None, int | None]]
"""By what a difference is of: the ids of the revision before and of the one after."""
MOST_YAML_LINES = 2000
_CONTEXT = 2


@dataclass(frozen=True)
class RevisionDifference:
    """Between what was and what is to be; either may be NOTHING. No secret is in what it tells."""

    before: Content
    after: Content
    contexts: Mapping[UUID, TlsContext] | None = field(default=None, compare=False)

    def __bool__(self) -> bool:
        return self.before != self.after

    @cached_property
    def lines(self) -> list[FieldChange]:
        """In words, as history has them."""
        found = history.bounded(_lines(self.before, self.after, self._contexts))
        if self and not found:
            return [FieldChange("Policies", after="numbered anew", kind="is")]
        return found

    @cached_property
    def yaml(self) -> list[str]:
        """Lines that begin with "+", "-", " ", or "@@" where some are left out."""
        found = list(islice(self._yaml(), MOST_YAML_LINES + 1))
        if len(found) > MOST_YAML_LINES:
            found[MOST_YAML_LINES:] = ["@@ not all of it is shown @@"]
        return found

    @cached_property
    def _contexts(self) -> Mapping[UUID, TlsContext]:
        return export.contexts(self.before, self.after) if self.contexts is None else self.contexts

    def _yaml(self) -> Iterator[str]:
        """Document by document, each as long as it is and no longer."""
        changed = secrets_changed(self.before, self.after)
        before = _by_name(export.documents(self.before, self._contexts))
        after = _by_name(export.documents(self.after, self._contexts, changed))
        for key in dict.fromkeys([*after, *before]):
            if before.get(key) == after.get(key):
                continue
            old, new = (
                export.text(side[key]).splitlines() if key in side else [] for side in (before, after)
            )
            lines = list(unified_diff(old, new, n=_CONTEXT, lineterm=""))[2:]
            if lines:
                yield f"@@ {' '.join(key)} @@"
                yield from (line if not line.startswith("@@") else "@@ … @@" for line in lines[1:])


def between(before: Content | None, after: Content | None) -> RevisionDifference:
    return RevisionDifference(before or NOTHING, after or NOTHING)


class RevisionDifferences:
    """Differences between two revisions each, all read when the first is asked for: in two queries."""

    def __init__(self, pairs: Callable[[], Pairs]) -> None:
        self._asked = pairs

    def of(self, key: int) -> RevisionDifference | None:
        """None where there are not two, or not any more, or where both are the same."""
        before, after = self._pairs.get(key, (None, None))
        if before == after or not before or not after or not {before, after} <= self._contents.keys():
            return None
        return RevisionDifference(self._contents[before], self._contents[after], self._contexts)

    @cached_property
    def _pairs(self) -> Pairs:
        return self._asked()

    @cached_property
    def _contents(self) -> dict[int, Content]:
        wanted = {pk for one in self._pairs.values() if all(one) and one[0] != one[1] for pk in one if pk}
        return {pk: row.content for pk, row in Revision.objects.in_bulk(wanted).items()}

    @cached_property
    def _contexts(self) -> dict[UUID, TlsContext]:
        return export.contexts(*self._contents.values())


def secrets_changed(before: Content, after: Content) -> set[Secret]:
    """Those that both have and that are not the same."""
    return {
        (owner, path)
        for owner, secrets in after.secrets.items()
        for path, value in secrets.items()
        if before.secrets.get(owner, {}).get(path, value) != value
    }


def _text(document: Document | None) -> list[str]:
    return export.text(document).splitlines() if document else []


def _by_name(documents: Sequence[Document]) -> dict[tuple[str, str], Document]:
    return {(one["kind"], name(one)): one for one in documents}


def _lines(before: Content, after: Content, contexts: Mapping[UUID, TlsContext]) -> Iterator[FieldChange]:
    yield from history.compared("", facts(before, contexts), facts(after, contexts))
    yield from _policies(before, after)


def _policies(before: Content, after: Content) -> Iterator[FieldChange]:
    old, new = policies(before), policies(after)
    for key in dict.fromkeys([*new, *old]):
        used = new.get(key) or old[key]
        if old.get(key) == new.get(key):
            continue
        title, schema = _title(used.policy), history.schema_of(used.policy)
        if key not in old or key not in new:
            config = history.words(used.told, schema)
            where = {"after": config} if key in new else {"before": config}
            yield FieldChange(f"Policy {title}", kind="added" if key in new else "removed", **where)
            continue
        yield from history.compared(title, old[key].conditions, new[key].conditions)
        yield from history.compared(title, {"mode": old[key].mode}, {"mode": new[key].mode})
        yield from history.compared(title, old[key].config, new[key].config, schema)
    for owner, path in sorted(secrets_changed(before, after)):
        yield FieldChange(f"{_title(new[owner].policy)}, {path}", after="changed", kind="is")
    kept = [[key for key in side if key in old and key in new] for side in (old, new)]
    if kept[0] != kept[1]:
        orders = [", ".join(_title(new[key].policy) for key in side) for side in kept]
        yield FieldChange("Policies, in order", *orders)


def _title(policy: str) -> str:
    try:
        return str(catalog.find(policy).title)
    except catalog.UnknownPolicy:
        return policy
