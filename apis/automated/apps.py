from django.apps import AppConfig


class AutomatedConfig(AppConfig):
    name = "apis.automated"
    label = "automated"
    verbose_name = "Automated policies"
    default_auto_field = "django.db.models.BigAutoField"
