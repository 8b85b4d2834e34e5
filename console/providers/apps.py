from django.apps import AppConfig


class ProvidersConfig(AppConfig):
    name = "console.providers"
    label = "providers"
    verbose_name = "Identity providers"
    default_auto_field = "django.db.models.BigAutoField"
