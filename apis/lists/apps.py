from django.apps import AppConfig


class ListsConfig(AppConfig):
    name = "apis.lists"
    label = "lists"
    verbose_name = "Lists of APIs"
    default_auto_field = "django.db.models.BigAutoField"
