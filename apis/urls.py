"""API Manager's pages, what agents ask of it, and its REST interface."""

from django.urls import include, path

from apis.deployment import agent_views
from apis.views import detail, documents, ingress, listing, on_gateway, policies, routes, tls_contexts, wizard

urlpatterns = [
    path("apis", listing.index, name="apis"),
    path("apis/add", wizard.add, name="api_add"),
    path("apis/add/<uuid:pk>/discard", wizard.discard, name="api_draft_discard"),
    path("apis/add/<uuid:pk>/<slug:name>", wizard.step, name="api_add_step"),
    path("apis/tls-contexts", tls_contexts.index, name="tls_contexts"),
    path("apis/tls-contexts/add", tls_contexts.add, name="tls_context_add"),
    path("apis/tls-contexts/<uuid:pk>", tls_contexts.detail, name="tls_context"),
    path("apis/tls-contexts/<uuid:pk>/edit", tls_contexts.edit, name="tls_context_edit"),
    path("apis/tls-contexts/<uuid:pk>/delete", tls_contexts.delete, name="tls_context_delete"),
    path("apis/documents/<uuid:pk>/operations", documents.operation_choice, name="document_operations"),
    path("apis/documents/<uuid:pk>/state", documents.state, name="document_state"),
    path("apis/<int:pk>", detail.overview, name="api"),
    path("apis/<int:pk>/row", listing.row, name="api_row"),
    path("apis/<int:pk>/status", detail.status, name="api_status"),
    path("apis/<int:pk>/gateway", detail.gateway, name="api_gateway"),
    path("apis/<int:pk>/deploy", detail.deploy, name="api_deploy"),
    path("apis/<int:pk>/undeploy", detail.undeploy, name="api_undeploy"),
    path("apis/<int:pk>/deprecate", detail.deprecate, name="api_deprecate"),
    path("apis/<int:pk>/delete", detail.delete, name="api_delete"),
    path("apis/<int:pk>/routes", routes.edit, name="api_routes"),
    path("apis/<int:pk>/document", documents.index, name="api_document"),
    path("apis/<int:pk>/document/text", documents.source, name="api_document_source"),
    path("apis/<int:pk>/document/upload", documents.upload, name="api_document_upload"),
    path("apis/<int:pk>/document/replace", documents.replace, name="api_document_replace"),
    path("apis/<int:pk>/deployments", detail.deployments, name="api_deployments"),
    path("apis/<int:pk>/history", detail.history, name="api_history"),
    path("apis/<int:pk>/settings", detail.settings, name="api_settings"),
    path("apis/<int:pk>/policies", policies.index, name="api_policies"),
    path("apis/<int:pk>/policies/order", policies.reorder, name="api_policy_order"),
    path("apis/<int:pk>/policies/restore", policies.restore, name="api_policy_restore"),
    path("apis/<int:pk>/policies/add", policies.add, name="policy_add"),
    path("apis/<int:pk>/policies/add/<slug:name>", policies.new, name="api_policy_new"),
    path("apis/<int:pk>/policies/<int:binding>", policies.edit, name="api_policy"),
    path("apis/<int:pk>/policies/<int:binding>/disable", policies.disable, name="api_policy_disable"),
    path("apis/<int:pk>/policies/<int:binding>/enable", policies.enable, name="api_policy_enable"),
    path("apis/<int:pk>/policies/<int:binding>/remove", policies.remove, name="api_policy_remove"),
    path("gateways/<uuid:pk>/apis", on_gateway.index, name="gateway_apis"),
    path("gateways/<uuid:pk>/ingress", ingress.edit, name="gateway_ingress"),
    path("agent/v1/snapshot", agent_views.snapshot_of, name="agent_snapshot"),
    path("", include("apis.rest.urls")),
]
