"""Addresses below /administration."""

from django.urls import path

from console.pages import condition
from console.pages.administration import (
    apps,
    audit,
    client_providers,
    invitations,
    organizations,
    providers,
    roles,
    teams,
    tokens,
    users,
)

urlpatterns = [
    path("administration", audit.index, name="administration"),
    path("administration/users", users.users, name="users"),
    path("administration/users/add", users.add, name="user_add"),
    path("administration/users/<uuid:pk>", users.user, name="user"),
    path("administration/users/<uuid:pk>/active", users.set_active, name="user_active"),
    path("administration/users/<uuid:pk>/password", users.reset_password, name="user_password"),
    path("administration/users/<uuid:pk>/sessions/end", users.end_sessions, name="user_sessions"),
    path("administration/users/<uuid:pk>/link", users.make_link, name="user_link"),
    path("administration/users/<uuid:pk>/second-factor/reset", users.reset_factor, name="user_factor"),
    path("administration/roles/<int:pk>/revoke", users.revoke, name="role_revoke"),
    path("administration/organizations", organizations.organizations, name="organizations"),
    path("administration/organizations/<uuid:pk>", organizations.organization, name="organization"),
    path(
        "administration/organizations/<uuid:pk>/second-factor",
        organizations.login_rule,
        name="organization_login_rule",
    ),
    path(
        "administration/organizations/<uuid:pk>/groups/add", organizations.add_group, name="organization_add"
    ),
    path(
        "administration/organizations/<uuid:pk>/environments/add",
        organizations.add_environment,
        name="environment_add",
    ),
    path("administration/environments/<uuid:pk>", organizations.environment, name="environment"),
    path(
        "administration/environments/<uuid:pk>/deploys",
        organizations.environment_deploys,
        name="environment_deploys",
    ),
    path(
        "administration/environments/<uuid:pk>/client-provider",
        organizations.environment_provider,
        name="environment_client_provider",
    ),
    path(
        "administration/environments/<uuid:pk>/delete",
        organizations.delete_environment,
        name="environment_delete",
    ),
    path("administration/apps", apps.apps, name="connected_apps"),
    path("administration/apps/add", apps.add, name="connected_app_add"),
    path("administration/apps/<str:pk>/access", apps.access, name="connected_app_access"),
    path("administration/apps/<str:pk>/renew", apps.renew, name="connected_app_renew"),
    path("administration/apps/<str:pk>/delete", apps.delete, name="connected_app_delete"),
    path("administration/tokens", tokens.tokens, name="personal_tokens"),
    path("administration/tokens/<int:pk>/revoke", tokens.revoke, name="personal_token_revoke"),
    path("administration/roles", roles.roles, name="custom_roles"),
    path("administration/roles/add", roles.add, name="custom_role_add"),
    path("administration/roles/<int:pk>/edit", roles.role, name="custom_role"),
    path("administration/roles/<int:pk>/delete", roles.delete, name="custom_role_delete"),
    path("administration/invitations", invitations.invitations, name="invitations"),
    path("administration/invitations/add", invitations.add, name="invitation_add"),
    path("administration/invitations/<int:pk>/renew", invitations.renew, name="invitation_renew"),
    path("administration/invitations/<int:pk>/revoke", invitations.revoke, name="invitation_revoke"),
    path("administration/teams", teams.teams, name="teams"),
    path("administration/teams/add", teams.add, name="team_add"),
    path("administration/teams/<int:pk>", teams.team, name="team"),
    path("administration/teams/<int:pk>/edit", teams.edit, name="team_edit"),
    path("administration/teams/<int:pk>/members/add", teams.add_member, name="team_member_add"),
    path(
        "administration/teams/<int:pk>/members/<int:member>/remove",
        teams.remove_member,
        name="team_member_remove",
    ),
    path("administration/teams/<int:pk>/delete", teams.delete, name="team_delete"),
    path("administration/client-providers", client_providers.providers, name="client_providers"),
    path("administration/client-providers/add", client_providers.add, name="client_provider_add"),
    path("administration/client-providers/<uuid:pk>", client_providers.provider, name="client_provider"),
    path(
        "administration/client-providers/<uuid:pk>/test", client_providers.test, name="client_provider_test"
    ),
    path(
        "administration/client-providers/<uuid:pk>/delete",
        client_providers.delete,
        name="client_provider_delete",
    ),
    path("administration/providers", providers.providers, name="providers"),
    path("administration/providers/add", providers.add, name="provider_add"),
    path("administration/providers/<uuid:pk>", providers.provider, name="provider"),
    path("administration/providers/<uuid:pk>/test", providers.test, name="provider_test"),
    path("administration/providers/<uuid:pk>/delete", providers.delete, name="provider_delete"),
    path("administration/providers/<uuid:pk>/groups", providers.add_group, name="provider_group_add"),
    path("administration/providers/<uuid:pk>/teams", providers.add_group_team, name="provider_team_add"),
    path(
        "administration/providers/<uuid:pk>/teams/<int:group_team>/remove",
        providers.remove_group_team,
        name="provider_team_remove",
    ),
    path(
        "administration/providers/<uuid:pk>/groups/<int:group>/remove",
        providers.remove_group,
        name="provider_group_remove",
    ),
    path("administration/audit", audit.audit, name="audit"),
    path("administration/audit/export", audit.export, name="audit_export"),
    path("administration/audit/retention", audit.keep, name="audit_retention"),
    path("administration/system", condition.system, name="system"),
]
