"""Alerts: pages and REST."""

from django.urls import path

from analytics.alerts.rest.views import AlertViews, LegacyAlertViews
from analytics.alerts.views import detail, editing, listing
from apis.rest.paths import AM, SCOPE

V2 = f"monitoring/api/alerts/api/v2/{SCOPE}/alerts"
legacy_all = LegacyAlertViews.as_view({"get": "list", "post": "create"})
legacy_one = LegacyAlertViews.as_view({"get": "retrieve", "put": "update", "delete": "destroy"})
every = AlertViews.as_view({"get": "list", "post": "create"})
one = AlertViews.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"})

urlpatterns = [
    path("alerts", listing.index, name="alerts"),
    path("alerts/new", editing.new, name="alert_new"),
    path("alerts/new/preview", editing.preview_new, name="alert_new_preview"),
    path("alerts/new/apis", editing.apis_new, name="alert_new_apis"),
    path("alerts/<int:pk>", detail.detail, name="alert"),
    path("alerts/<int:pk>/edit", editing.edit, name="alert_edit"),
    path("alerts/<int:pk>/preview", editing.preview_of, name="alert_preview"),
    path("alerts/<int:pk>/apis", editing.apis_of, name="alert_apis"),
    path("alerts/<int:pk>/chart", detail.chart, name="alert_chart"),
    path("alerts/<int:pk>/pause", detail.pause, name="alert_pause"),
    path("alerts/<int:pk>/resume", detail.resume, name="alert_resume"),
    path("alerts/<int:pk>/silence", detail.silence, name="alert_silence"),
    path("alerts/<int:pk>/test", detail.test, name="alert_test"),
    path("alerts/<int:pk>/delete", detail.delete, name="alert_delete"),
    path("apis/<int:pk>/alerts", listing.of_api, name="api_alerts"),
    path(f"{AM}/<int:api_id>/alerts", legacy_all, name="rest_api_alerts"),
    path(f"{AM}/<int:api_id>/alerts/<int:alert_id>", legacy_one, name="rest_api_alert"),
    path(V2, every, name="rest_alerts"),
    path(f"{V2}/<int:alert_id>", one, name="rest_alert"),
    path(f"{V2}/<int:alert_id>/silence", AlertViews.as_view({"post": "silence"}), name="rest_alert_silence"),
    path(f"{V2}/<int:alert_id>/test", AlertViews.as_view({"post": "test"}), name="rest_alert_test"),
    path(
        f"{V2}/<int:alert_id>/incidents",
        AlertViews.as_view({"get": "incidents"}),
        name="rest_alert_incidents",
    ),
]
