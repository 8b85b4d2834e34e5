from django.apps import AppConfig
from django.db.models import OuterRef, QuerySet


class GatewaysConfig(AppConfig):
    name = "gateways"
    verbose_name = "Runtime Manager"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from console import finder, menu
        from gateways import search
        from gateways.models import Gateway

        def rows() -> QuerySet[Gateway]:
            return Gateway.objects.filter(environment=OuterRef("pk"))

        menu.add(
            menu.MenuEntry(
                "Runtime Manager", "gateways", icon="server", place=10, rows=rows, needs="view:gateways"
            )
        )
        finder.add(search.gateways, place=20)
