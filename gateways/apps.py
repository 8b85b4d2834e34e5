from django.apps import AppConfig


class GatewaysConfig(AppConfig):
    name = "gateways"
    verbose_name = "Runtime Manager"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from console import finder, menu
        from console.models import Environment
        from gateways import search
        from gateways.models import Gateway

        def count(environment: Environment) -> int:
            return Gateway.objects.filter(environment=environment).count()

        menu.add(
            menu.Entry(
                "Runtime Manager", "gateways", icon="server", place=10, count=count, needs="view:gateways"
            )
        )
        finder.add(search.gateways, place=20)
