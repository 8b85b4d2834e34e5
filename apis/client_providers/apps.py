from django.apps import AppConfig


class ClientProvidersConfig(AppConfig):
    name = "apis.client_providers"
    label = "client_providers"
    verbose_name = "Client providers"
    default_auto_field = "django.db.models.BigAutoField"
