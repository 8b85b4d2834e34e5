"""Addresses of saved searches of the list of APIs, and of changes of many of them."""

from django.urls import path

from apis.rest.bulk import BulkViews
from apis.rest.paths import SCOPE
from apis.rest.saved_views import SavedViewViews

VIEWS = f"apimanager/api/v1/{SCOPE}/saved-views"
BULK = f"apimanager/api/v1/{SCOPE}/bulk-changes"

urlpatterns = [
    path(VIEWS, SavedViewViews.as_view({"get": "list", "post": "create"}), name="rest_saved_views"),
    path(
        f"{VIEWS}/<int:view_id>",
        SavedViewViews.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="rest_saved_view",
    ),
    path(BULK, BulkViews.as_view({"get": "list", "post": "create"}), name="rest_bulk_changes"),
    path(f"{BULK}/<uuid:bulk_id>", BulkViews.as_view({"get": "retrieve"}), name="rest_bulk_change"),
    path(f"{BULK}/<uuid:bulk_id>/apis", BulkViews.as_view({"get": "apis"}), name="rest_bulk_change_apis"),
    path(f"{BULK}/<uuid:bulk_id>/stop", BulkViews.as_view({"post": "stop"}), name="rest_bulk_change_stop"),
    path(f"{BULK}/<uuid:bulk_id>/again", BulkViews.as_view({"post": "again"}), name="rest_bulk_change_again"),
]
