"""Analytics: what agents call, the pages, and REST."""

from django.urls import include, path

from analytics import endpoints, metrics, rest, views

urlpatterns = [
    path("", include("analytics.alerts.urls")),
    path("agent/v1/traffic", endpoints.traffic, name="agent_traffic"),
    path("observability/api/v1/metrics:search", metrics.Metrics.as_view(), name="rest_metrics"),
    path("analytics", views.index, name="analytics"),
    path("applications/<int:pk>/usage", views.application_usage, name="application_usage"),
    path("consumer/<int:pk>/usage", views.consumer_usage, name="consumer_usage"),
    path("apis/<int:pk>/analytics", views.api_dashboard, name="api_analytics"),
    path("apis/<int:pk>/analytics/tiles", views.api_tiles, name="api_tiles"),
    path("apis/<int:pk>/analytics/export.csv", views.api_export, name="api_export"),
    path(
        "analytics/api/v1/organizations/<uuid:organization_id>/environments/<uuid:environment_id>"
        "/apis/<int:api_id>/summary",
        rest.SummaryView.as_view(),
        name="rest_api_summary",
    ),
    path(
        "analytics/api/v1/organizations/<uuid:organization_id>/environments/<uuid:environment_id>"
        "/apis/<int:api_id>/conditions",
        rest.ConditionsView.as_view(),
        name="rest_api_conditions",
    ),
    path(
        "analytics/api/v1/organizations/<uuid:organization_id>/environments/<uuid:environment_id>"
        "/apis/<int:api_id>/requests",
        rest.RequestsView.as_view(),
        name="rest_api_requests",
    ),
]
