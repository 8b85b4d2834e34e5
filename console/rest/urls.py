"""REST addresses of accounts, and the documentation of the whole interface. No trailing slashes."""

from django.urls import path, re_path

from console.rest import accounts, audit, connected_apps, members, organizations, personal_tokens, schema

ORGANIZATION = "accounts/api/organizations/<uuid:organization_id>"

AUDIT = "audit/v2/organizations/<uuid:organization_id>"

urlpatterns = [
    path("accounts/login", accounts.Login.as_view(), name="rest_login"),
    path("accounts/api/v2/oauth2/token", accounts.Token.as_view(), name="rest_token"),
    path("accounts/api/users/me", accounts.UsersMe.as_view(), name="rest_users_me"),
    path("accounts/api/me", accounts.Me.as_view(), name="rest_me"),
    path(
        "accounts/api/users/me/personalTokens",
        personal_tokens.OwnTokens.as_view(),
        name="rest_own_tokens",
    ),
    path(
        "accounts/api/users/me/personalTokens/<int:token_id>",
        personal_tokens.OwnToken.as_view(),
        name="rest_own_token",
    ),
    path(f"{ORGANIZATION}/personalTokens", personal_tokens.Tokens.as_view(), name="rest_tokens"),
    path(
        f"{ORGANIZATION}/personalTokens/<int:token_id>",
        personal_tokens.Token.as_view(),
        name="rest_personal_token",
    ),
    path(ORGANIZATION, organizations.OrganizationView.as_view(), name="rest_organization"),
    path(f"{ORGANIZATION}/members", members.Members.as_view(), name="rest_members"),
    path(
        f"{ORGANIZATION}/environments",
        organizations.EnvironmentViews.as_view({"get": "list", "post": "create"}),
        name="rest_environments",
    ),
    path(
        f"{ORGANIZATION}/environments/<uuid:environment_id>",
        organizations.EnvironmentViews.as_view(
            {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}
        ),
        name="rest_environment",
    ),
    path(
        "accounts/api/connectedApplications/<slug:client_id>/scopes",
        connected_apps.Scopes.as_view(),
        name="rest_connected_app_scopes",
    ),
    path(
        f"{ORGANIZATION}/connectedApplications/<slug:client_id>/scopes",
        connected_apps.ScopesInOrganization.as_view(),
        name="rest_organization_app_scopes",
    ),
    path(f"{AUDIT}/query", audit.AuditQuery.as_view(), name="rest_audit_query"),
    path(f"{AUDIT}/query.csv", audit.AuditFile.as_view(), name="rest_audit_file"),
    path(f"{AUDIT}/platforms", audit.AuditPlatforms.as_view(), name="rest_audit_platforms"),
    path(f"{AUDIT}/objectTypes", audit.AuditObjectTypes.as_view(), name="rest_audit_object_types"),
    path(f"{AUDIT}/actions", audit.AuditActions.as_view(), name="rest_audit_actions"),
    path(f"{AUDIT}/retentionSettings", audit.AuditRetention.as_view(), name="rest_audit_retention"),
    path("cli/api/v1/analytics/<slug:kind>", accounts.Telemetry.as_view(), name="rest_telemetry"),
    path("api/schema", schema.SchemaView.as_view(), name="schema"),
    path("api/docs", schema.docs, name="docs"),
    re_path(
        r"^(?:accounts|audit|apimanager|apiplatform|proxies|exchange|gatewaymanager|graph|cli|analytics/api|observability|standalone|api)/(?P<rest>[\s\S]*)$",
        schema.unknown,
    ),
]
