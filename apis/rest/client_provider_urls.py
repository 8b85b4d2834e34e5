"""REST addresses of client providers, and of which one an environment has."""

from django.urls import path

from apis.rest.client_providers import ChosenProviderViews, ClientProviderViews
from apis.rest.paths import SCOPE

PROVIDERS = "accounts/api/organizations/<uuid:organization_id>/clientProviders"
ONE = f"{PROVIDERS}/<uuid:provider_id>"

one = ClientProviderViews.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"})
chosen = ChosenProviderViews.as_view({"get": "retrieve", "put": "update", "delete": "destroy"})

urlpatterns = [
    path(
        PROVIDERS,
        ClientProviderViews.as_view({"get": "list", "post": "create"}),
        name="rest_client_providers",
    ),
    path(ONE, one, name="rest_client_provider"),
    path(f"{ONE}/test", ClientProviderViews.as_view({"post": "test"}), name="rest_client_provider_test"),
    path(f"accounts/api/{SCOPE}/clientProvider", chosen, name="rest_chosen_provider"),
]
