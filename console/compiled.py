"""Statements that Django writes once in a process: to write one takes longer than to have it answered."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.sql.compiler import SQLCompiler

Row = TypeVar("Row")


def put(row: Model, name: str, found: Sequence[Model]) -> None:
    """Give the row these as what belongs to it by this name, as `prefetch_related` does."""
    manager = getattr(row, name)
    rows = manager.get_queryset()
    rows._result_cache, rows._prefetch_done = list(found), True
    vars(row).setdefault("_prefetched_objects_cache", {})[name] = rows
    for one in found:
        setattr(one, manager.field.name, row)


@dataclass(frozen=True)
class _Written:
    rows: QuerySet[Any]
    compiler: SQLCompiler
    sql: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class _Known:
    """What a queryset asks its query for when it is evaluated, as rows or as `values_list`."""

    compiler: SQLCompiler

    def get_compiler(self, *_: Any, **__: Any) -> SQLCompiler:
        return self.compiler


class CompiledQuery(Generic[Row]):
    """A queryset of which values alone differ each time: `make` is called once, with a stand-in for each.

    A stand-in is of the value's type and equal to nothing else in the statement, which must hold it as it is:
    no part of a pattern, no list. What `make` asks for by itself, such as the time, stays as it was.
    """

    def __init__(self, make: Callable[..., QuerySet[Any, Row]], **stand_ins: Any) -> None:
        self._make, self._stand_ins = make, stand_ins
        self._written: _Written | None = None

    def __call__(self, **values: Any) -> list[Row]:
        written = self._written or self._write()
        # Of this thread: another one's connection would serve two at once.
        compiler = copy(written.compiler)
        compiler.connection = connections[DEFAULT_DB_ALIAS]
        put = tuple(self._put(one, values) for one in written.values)
        compiler.as_sql = lambda *_, **__: (written.sql, put)  # type: ignore[method-assign]
        found = written.rows.all()
        found._query = _Known(compiler)  # type: ignore[attr-defined]  # its setter asks for a whole query
        return list(found)

    def first(self, **values: Any) -> Row | None:
        """Of a statement that answers one row or none."""
        return next(iter(self(**values)), None)

    def _write(self) -> _Written:
        rows = self._make(**self._stand_ins)
        compiler = rows.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, values = compiler.as_sql()
        if missing := [name for name, one in self._stand_ins.items() if one not in values]:
            raise ValueError(f"the statement does not hold {', '.join(missing)} as it is: {sql}")
        self._written = _Written(rows, compiler, sql, tuple(values))
        return self._written

    def _put(self, value: Any, values: Mapping[str, Any]) -> Any:
        return next((values[name] for name, one in self._stand_ins.items() if one == value), value)
