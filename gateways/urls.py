"""Runtime Manager's pages, what agents call, and REST."""

from django.urls import path

from gateways import endpoints, rest

urlpatterns = [
    path("agent/v1/registrations", endpoints.registrations, name="agent_registrations"),
    path("agent/v1/heartbeats", endpoints.heartbeat, name="agent_heartbeats"),
    path("agent/v1/acks", endpoints.acks, name="agent_acks"),
    path(
        "standalone/api/v1/organizations/<uuid:organization_id>/environments/<uuid:environment_id>/gatewaytokens",
        rest.gateway_tokens,
        name="rest_gateway_tokens",
    ),
]
