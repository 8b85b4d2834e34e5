"""Analytics: what agents call, the pages, and REST."""

from django.urls import path

from analytics import endpoints

urlpatterns = [
    path("agent/v1/traffic", endpoints.traffic, name="agent_traffic"),
]
