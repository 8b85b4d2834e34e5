"""Addresses below /administration."""

from django.urls import path

from console.pages import condition
from console.pages.administration import apps, audit, organizations, users

urlpatterns = [
    path("administration", audit.index, name="administration"),
    path("administration/users", users.users, name="users"),
    path("administration/users/add", users.add, name="user_add"),
    path("administration/users/<uuid:pk>", users.user, name="user"),
    path("administration/users/<uuid:pk>/active", users.set_active, name="user_active"),
    path("administration/users/<uuid:pk>/password", users.reset_password, name="user_password"),
    path("administration/users/<uuid:pk>/sessions/end", users.end_sessions, name="user_sessions"),
    path("administration/roles/<int:pk>/revoke", users.revoke, name="role_revoke"),
    path("administration/organizations", organizations.organizations, name="organizations"),
    path("administration/organizations/<uuid:pk>", organizations.organization, name="organization"),
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
        "administration/environments/<uuid:pk>/delete",
        organizations.delete_environment,
        name="environment_delete",
    ),
    path("administration/apps", apps.apps, name="connected_apps"),
    path("administration/apps/add", apps.add, name="connected_app_add"),
    path("administration/apps/<str:pk>/access", apps.access, name="connected_app_access"),
    path("administration/apps/<str:pk>/renew", apps.renew, name="connected_app_renew"),
    path("administration/apps/<str:pk>/delete", apps.delete, name="connected_app_delete"),
    path("administration/audit", audit.audit, name="audit"),
    path("administration/system", condition.system, name="system"),
]
