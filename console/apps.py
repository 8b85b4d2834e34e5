from importlib import import_module

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    name = "console"
    verbose_name = "Console"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make our Celery application the one that tasks are sent through, in every process."""
        from console import menu

        import_module("console.celery")
        menu.add(menu.MenuEntry("Overview", "home", icon="layout-dashboard", place=0))
