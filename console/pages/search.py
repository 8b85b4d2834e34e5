"""Finds things of every app by name, in what the user may see."""

from django.http import HttpResponse
from django.shortcuts import render

from console import finder
from console.scope import Request

PANEL_LIMIT = 5
PAGE_LIMIT = 50


def search(request: Request) -> HttpResponse:
    """The page of results, or, for htmx, the panel below the search field."""
    query = request.GET.get("q", "").strip()[:100]
    limit = PANEL_LIMIT if request.htmx else PAGE_LIMIT
    hits = list(finder.hits(request.user, query, limit)) if query else []
    template = "console/_search_panel.html" if request.htmx else "console/search.html"
    return render(request, template, {"query": query, "hits": hits})
