"""Bodies and answers of REST about named searches of the list of APIs."""

from typing import Any

from rest_framework import serializers as s

from apis.lists import saving
from apis.lists.models import SavedView
from apis.lists.search import APPLICATIONS, COLUMNS, FIGURES, Search
from apis.rest.search_serializers import SearchFields
from apis.rest.strict import StrictSerializer
from console.rest.fields import Moment, OneLine, OneOf, made

SORTS = tuple(f"{sign}{name}" for name in ("status", *COLUMNS, APPLICATIONS, *FIGURES) for sign in ("", "-"))
_IS = {"yes": True, "no": False}


class SearchBody(SearchFields, StrictSerializer):
    """What is left out is not asked for."""

    sort = OneOf(SORTS, required=False, help_text="A column of the page; with - before it, it falls.")


class ViewPatch(StrictSerializer):
    """Every field may be left out; `search` is whole."""

    also_known = ("id", "by", "createdAt")

    name = OneLine(required=False, max_length=saving.LONGEST_NAME)
    shared = s.BooleanField(required=False, help_text="Everybody who sees the environment has it, too.")
    search = SearchBody(required=False)


class ViewBody(ViewPatch):
    name = OneLine(max_length=saving.LONGEST_NAME)
    search = SearchBody()


def searched(search: Search) -> dict[str, Any]:
    """As a body says it, without what it does not ask for."""
    said = dict(search.parameters)
    found: dict[str, Any] = {"query" if name == "q" else name: value for name, value in said.items()}
    return found | {name: _IS.get(said[name]) for name in ("pending", "deprecated", "pinned") if name in said}


class ViewShape(s.Serializer[Any]):
    id = s.IntegerField(source="pk")
    name = s.CharField()
    shared = s.BooleanField(source="is_shared")
    by = s.CharField(source="user.username")
    search = made(s.DictField, lambda view: searched(saving.searched(view.query)))
    createdAt = Moment(source="created_at")


class ViewList(s.Serializer[Any]):
    total = s.IntegerField()
    limit = s.IntegerField()
    offset = s.IntegerField()
    views = ViewShape(many=True)


def facts(view: SavedView) -> dict[str, Any]:
    """What a version of it is a word for."""
    return {"name": view.name, "shared": view.is_shared, "query": view.query}
