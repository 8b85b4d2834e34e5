from django.apps import AppConfig


class ApisConfig(AppConfig):
    name = "apis"
    verbose_name = "API Manager"
    default_auto_field = "django.db.models.BigAutoField"
