from django.apps import AppConfig


class OwnersConfig(AppConfig):
    name = "apis.owners"
    label = "owners"
    verbose_name = "Owners of APIs"
    default_auto_field = "django.db.models.BigAutoField"
