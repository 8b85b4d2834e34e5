"""API Manager's pages, what agents ask of it, and its REST interface."""

from django.urls import include, path

from apis import agent_views

urlpatterns = [
    path("agent/v1/snapshot", agent_views.snapshot_of, name="agent_snapshot"),
    path("", include("apis.rest.urls")),
]
