"""The APIs of an environment as an address asks for them: searched, filtered and sorted, in a few queries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import CharField, Count, F, Func, Q, QuerySet, Value

from apis import traffic
from apis.addresses import listens
from apis.contracts.models import Contract
from apis.deployment import status_counts
from apis.lists import pins
from apis.lists.ordering import Ordered, Searched
from apis.models import ApiInstance, ApiInstanceQuerySet, Upstream
from apis.owners.models import ApiOwner
from console import statements
from console.among import listed, numbers_in
from console.compiled import CompiledQuery
from console.grants import Held
from console.models import Environment, User
from console.statements import Statement
from console.words import MOST_CHARACTERS, words

STATES = status_counts.STATES
FAILING = "Upstream failing"
NO_GATEWAY = "none"
COLUMNS = {
    "name": "asset__name",
    "label": "label",
    "version": "asset__api_version",
    "id": "pk",
    "gateway": "gateway__name",
    "protocol": "protocol",
    "created": "created_at",
    "changed": "updated_at",
}
"""What the database sorts by itself."""
FIGURES = ("requests", "errors")
APPLICATIONS = "applications"


@dataclass(frozen=True)
class Search:
    """Each is a parameter of the address; "" asks for nothing."""

    q: str = ""
    status: str = ""
    gateway: str = ""
    tag: str = ""
    owner: str = ""
    protocol: str = ""
    deprecated: str = ""
    pending: str = ""
    pinned: str = ""
    sort: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Search":
        """Of an address; what else stands in it is passed over."""
        names = [one.name for one in fields(cls)]
        return cls(**{name: query.get(name, "").strip()[:MOST_CHARACTERS] for name in names})

    @property
    def query(self) -> str:
        """As an address has it, without what it does not ask for."""
        return urlencode(self.parameters)

    @property
    def parameters(self) -> list[tuple[str, str]]:
        told = [(one.name, getattr(self, one.name)) for one in fields(self)]
        return [(name, value) for name, value in told if value]

    @property
    def told(self) -> list[tuple[str, str]]:
        """(what, of which value): in words, the order apart."""
        labels = {"q": "Search"}
        asked = [pair for pair in self.parameters if pair[0] != "sort"]
        return [(labels.get(name, name.capitalize()), value) for name, value in asked]


def found(
    environment: Environment, search: Search, held: Held, user: User
) -> QuerySet[ApiInstance] | Searched | Ordered:
    """In the order that is asked for: a queryset where the database has it at hand."""
    apis = matching(environment, search, held, user)
    name, is_falling = search.sort.removeprefix("-"), search.sort.startswith("-")
    if name == "status":
        return Ordered(apis, status_counts.places(environment), is_falling, is_left_out=True)
    if measure := _measured(environment, name):
        return Ordered(apis, measure, is_falling)
    column = COLUMNS.get(name, "asset__name")
    apis = apis.order_by(f"-{column}" if is_falling else column, "pk")
    return Searched(apis) if search.q or search.status in STATES else apis


def _measured(environment: Environment, name: str) -> Statement | None:
    """What they are sorted by that is no column of theirs."""
    if name == APPLICATIONS:
        return statements.of_rows(_approved().filter(api__environment=environment))
    return (
        traffic.measured(environment, "requests" if name == "requests" else "errors")
        if name in FIGURES
        else None
    )


def applications_of(apis: Iterable[int]) -> dict[int, int]:
    """How many client applications may call each of them; those that none may are left out."""
    return dict(_applications(apis=listed(apis)))


def _approved() -> "QuerySet[Contract, tuple[int, int]]":
    """(API, how many)."""
    approved = Contract.objects.filter(status=Contract.Status.APPROVED).order_by()
    return approved.values_list("api").annotate(Count("pk"))


_applications = CompiledQuery(lambda apis: _approved().filter(api__in=numbers_in(apis)), apis="{0}")


def filtered(environment: Environment, search: Search, held: Held, user: User) -> QuerySet[ApiInstance]:
    """Those that the user may see, by all that it asks but for a status that replicas' answers decide."""
    apis = (
        ApiInstance.objects.permitting(held)
        .filter(environment=environment)
        .select_related("asset", "gateway")
    )
    apis = holding(environment, apis, search.q)
    if search.status == FAILING:
        apis = apis.filter(pk__in=traffic.failing_in(environment))
    elif search.status and search.status not in STATES:
        apis = apis.none()
    if search.gateway:
        apis = apis.filter(_on_gateway(search.gateway))
    is_deprecated = {"yes": True, "no": False}.get(search.deprecated)
    apis = apis.filter(**marked(search.tag, search.owner, is_deprecated))
    if search.pending:
        waits = Q(is_deployed=True, pending_since__isnull=False)
        apis = apis.filter(waits if search.pending == "yes" else ~waits)
    if search.pinned:
        mine = Q(pk__in=pins.pinned_by(user))
        apis = apis.filter(mine if search.pinned == "yes" else ~mine)
    if search.protocol:
        apis = apis.filter(protocol=search.protocol)
    return apis


def matching(environment: Environment, search: Search, held: Held, user: User) -> QuerySet[ApiInstance]:
    """Those by all that it asks, in no order: for who sorts otherwise than the page does."""
    apis = filtered(environment, search, held, user)
    if search.status not in STATES:
        return apis
    return apis.filter(pk__in=status_counts.in_state(environment, search.status))


def holding(environment: Environment, apis: ApiInstanceQuerySet, text: str) -> ApiInstanceQuerySet:
    """Those of them that have each of the words, in whichever place."""
    for word in words(text):
        apis = apis.filter(_holds(environment, word))
    return apis


def marked(tag: str, owner: str, is_deprecated: bool | None) -> dict[str, Any]:
    """Lookups of what an API is marked with; "" and None ask for nothing."""
    found: dict[str, Any] = {}
    if tag:
        found["tags__contains"] = [tag]
    if owner:
        named = Q(user__username=owner) | Q(email__iexact=owner)
        if owner.startswith(ApiOwner.TEAM):
            named = Q(team__name__iexact=owner.removeprefix(ApiOwner.TEAM))
        found["pk__in"] = ApiOwner.objects.filter(named).values("api")
    if is_deprecated is not None:
        found["is_deprecated"] = is_deprecated
    return found


def _holds(environment: Environment, word: str) -> Q:
    """Name, version, label, path, port, an upstream, a tag or the id has the word in it.

    Path and port are those that are saved and those that run.
    """
    upstreams = Upstream.objects.filter(Q(uri__icontains=word) | Q(label__icontains=word))
    # Asked for once, and not for each API.
    to_it = upstreams.filter(api__environment=environment).values("api")
    texts = ("asset__name", "asset__asset_id", "asset__api_version", "asset__version", "label")
    whole = Q(pk__in=to_it) | Q(pk__in=_tagged(environment, word)) | listens(base_path__icontains=word)
    for text in texts:
        whole |= Q(**{f"{text}__icontains": word})
    number = word.removeprefix(":")
    if number.isdecimal() and number.isascii() and len(number) < 10:
        whole |= listens(port=int(number)) if word.startswith(":") else _numbered(int(number))
    elif word.startswith(":") and "/" in word:
        port, _, path = word[1:].partition("/")
        if port.isdecimal() and port.isascii() and len(port) < 6:
            whole |= listens(port=int(port), base_path__istartswith=f"/{path}")
    return whole


def _numbered(number: int) -> Q:
    return listens(port=number) | Q(pk=number)


def _tagged(environment: Environment, word: str) -> QuerySet[Any, Any]:
    """The ids of the APIs with a tag that has the word in it."""
    joined: Func[Any] = Func(F("tags"), Value("\n"), function="array_to_string", output_field=CharField())
    rows = ApiInstance.objects.filter(environment=environment).exclude(tags=[]).order_by()
    return rows.annotate(joined=joined).filter(joined__icontains=word).values("pk")


def _on_gateway(key: str) -> Q:
    if key == NO_GATEWAY:
        return Q(gateway=None)
    try:
        return Q(gateway=UUID(key))
    except ValueError:
        return Q(pk__in=())


def whole(some: Iterable[ApiInstance | int]) -> list[ApiInstance]:
    """The APIs of a page, of which there may be ids alone."""
    asked = list(some)
    keys = [one for one in asked if isinstance(one, int)]
    rows = {one.pk: one for one in _whole(apis=listed(keys))} if keys else {}
    found = (rows.get(one) if isinstance(one, int) else one for one in asked)
    return [one for one in found if one is not None]


_whole = CompiledQuery(
    lambda apis: (
        ApiInstance.objects.filter(pk__in=numbers_in(apis)).select_related("asset", "gateway").order_by()
    ),
    apis="{0}",
)
