"""A page's list: searched, filtered, sorted and paged by its address, and shown by components/list.html."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render

from console.scope import Request

PAGE_SIZE = 25

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
else:
    AnyPaginator = Paginator


@dataclass(frozen=True)
class Select:
    """A choice beside the search: (value, words) of each option but that for any."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    chosen: str = ""

    @classmethod
    def of(cls, request: Request, name: str, label: str, options: Sequence[tuple[str, str]]) -> "Select":
        return cls(name, label, options, request.GET.get(name, ""))


@dataclass(frozen=True)
class Input:
    """A field beside the search, among those that few need; `type` is of HTML: text, date."""

    name: str
    label: str
    value: str = ""
    type: str = "text"


@dataclass(frozen=True)
class Listing:
    """`name` is the id of what htmx swaps; `searches` says what the search looks at, "" for no search."""

    name: str
    noun: str
    page: Page[Any]
    address: str = ""
    searches: str = ""
    query: str = ""
    selects: tuple[Select, ...] = ()
    more: tuple[Select, ...] = ()
    """Choices that few need, folded."""
    inputs: tuple[Input, ...] = ()
    """Folded with them."""
    sort: str = ""
    kept: tuple[tuple[str, str], ...] = ()
    """(name, value) of what else the address says, which a search keeps."""
    every_seconds: int = 0
    """How often it fetches itself anew; 0 for never."""
    is_alone: bool = False
    """Whether htmx asks for the list without the page around it."""

    @property
    def plural(self) -> str:
        is_changed = self.noun.endswith("y") and self.noun[-2] not in "aeiou"
        return f"{self.noun[:-1]}ies" if is_changed else f"{self.noun}s"

    @property
    def count(self) -> int:
        return self.page.paginator.count

    @property
    def counted(self) -> str:
        more = "+" if getattr(self.page.paginator, "is_cut", False) else ""
        return f"{self.count:,}{more} {self.noun if self.count == 1 else self.plural}"

    @property
    def is_filtered(self) -> bool:
        return bool(self.query or any(one.chosen for one in self.selects) or self.is_more_open)

    @property
    def is_more_open(self) -> bool:
        return any(one.chosen for one in self.more) or any(one.value for one in self.inputs)

    @property
    def has_filters(self) -> bool:
        """Nothing can be looked for where there is nothing."""
        return bool(self.searches) and (self.count > 0 or self.is_filtered)

    def answer(self, request: Request, page: str, part: str, context: dict[str, Any]) -> HttpResponse:
        """The page, or the part of it that htmx asks for."""
        return render(request, part if self.is_alone else page, context | {"listing": self})


class BackPaginator(AnyPaginator):
    """Rows of a page near the end are looked up from there: the database reads all that it passes over."""

    FAR = 1000

    def page(self, number: Any) -> Page[Any]:
        found, rows = self.validate_number(number), cast(Any, self.object_list)
        start = (found - 1) * self.per_page
        if start < max(self.FAR, self.count // 2) or not _turns(rows):
            return super().page(number)
        end = min(start + self.per_page, self.count)
        keys = rows.reverse().values_list("pk", flat=True)[self.count - end : self.count - start]
        return Page(rows.filter(pk__in=list(keys)), found, self)


class Parted(Protocol):
    def part(self, start: int, size: int) -> tuple[Sequence[Any], int]:
        """So many rows from `start` on, and how many there are in all, which counts where there are rows or
        `start` is 0.
        """
        ...


class PartPaginator(AnyPaginator):
    """Of rows of which one statement gives a page and counts all."""

    FARTHEST = 10**6
    """Pages; one behind is the last, as one that there is not."""

    def __init__(self, rows: Parted, per_page: int) -> None:
        super().__init__((), per_page)
        self.rows = rows

    def get_page(self, number: Any) -> Page[Any]:
        try:
            wanted = int(number)
        except (TypeError, ValueError):
            wanted = 1
        rows: Sequence[Any] = ()
        if 0 < wanted < self.FARTHEST:
            rows, self.count = self.rows.part((wanted - 1) * self.per_page, self.per_page)
        if not rows and wanted != 1:
            _, self.count = self.rows.part(0, 1)
            wanted = self.num_pages
            rows, self.count = self.rows.part((wanted - 1) * self.per_page, self.per_page)
        return Page(rows, wanted, self)


def _turns(rows: Any) -> bool:
    """Whether it is a queryset of whole rows in an order that tells all of them apart."""
    if not isinstance(rows, QuerySet) or rows.query.values_select or rows.query.distinct:
        return False
    order = rows.query.order_by or rows.model._meta.ordering or ("",)
    return str(order[-1]).removeprefix("-") in ("pk", rows.model._meta.pk.attname)


def asked(request: Request) -> str:
    """What is looked for."""
    return request.GET.get("q", "").strip()


def listing(
    request: Request, name: str, noun: str, found: Any, *, size: int = PAGE_SIZE, **more: Any
) -> Listing:
    """The page of `found`, a queryset, list or `Parted`, that the address asks for. `more` is of Listing."""
    pages = PartPaginator(found, size) if hasattr(found, "part") else BackPaginator(found, size)
    return Listing(
        name,
        noun,
        pages.get_page(request.GET.get("page")),
        address=request.path,
        query=asked(request),
        is_alone=bool(request.htmx and request.htmx.target == name),
        **more,
    )
