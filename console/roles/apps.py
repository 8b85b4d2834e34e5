from django.apps import AppConfig


class RolesConfig(AppConfig):
    name = "console.roles"
    label = "roles"
    verbose_name = "Custom roles"
    default_auto_field = "django.db.models.BigAutoField"
