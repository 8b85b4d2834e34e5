from django.apps import AppConfig


class SecretGroupsConfig(AppConfig):
    name = "apis.secret_groups"
    label = "secret_groups"
    verbose_name = "Secret groups"
    default_auto_field = "django.db.models.BigAutoField"
