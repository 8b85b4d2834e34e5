"""Runtime Manager's pages, what agents call, and REST."""

from django.urls import path

from gateways import endpoints, rest
from gateways.views import adding, detail, listing

urlpatterns = [
    path("gateways", listing.index, name="gateways"),
    path("gateways/add", adding.add, name="gateway_add"),
    path("gateways/add/name", adding.name, name="gateway_name"),
    path("gateways/tokens/<uuid:pk>", adding.token, name="gateway_token"),
    path("gateways/<uuid:pk>", detail.replicas, name="gateway"),
    path("gateways/<uuid:pk>/status", detail.status, name="gateway_status"),
    path("gateways/<uuid:pk>/history", detail.history, name="gateway_history"),
    path("gateways/<uuid:pk>/settings", detail.settings, name="gateway_settings"),
    path("gateways/<uuid:pk>/revoke", detail.revoke, name="gateway_revoke"),
    path("gateways/<uuid:pk>/replicas/<uuid:replica>/forget", detail.forget, name="gateway_forget"),
    path("gateways/<uuid:pk>/delete", detail.delete, name="gateway_delete"),
    path("agent/v1/registrations", endpoints.registrations, name="agent_registrations"),
    path("agent/v1/heartbeats", endpoints.heartbeat, name="agent_heartbeats"),
    path("agent/v1/stream", endpoints.stream, name="agent_stream"),
    path("agent/v1/acks", endpoints.ack, name="agent_acks"),
    path(
        "standalone/api/v1/organizations/<uuid:organization_id>/environments/<uuid:environment_id>/gatewaytokens",
        rest.gateway_tokens,
        name="rest_gateway_tokens",
    ),
]
