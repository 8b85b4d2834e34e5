from django.apps import AppConfig
from django.db.models import OuterRef, QuerySet


class ApisConfig(AppConfig):
    name = "apis"
    verbose_name = "API Manager"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apis import search
        from apis.models import ApiInstance
        from console import finder, menu

        def rows() -> QuerySet[ApiInstance]:
            return ApiInstance.objects.filter(environment=OuterRef("pk"))

        menu.add(
            menu.MenuEntry(
                "API Manager",
                "apis",
                icon="waypoints",
                place=20,
                rows=rows,
                needs="view:apis",
                opens_to_all=True,
            ),
            menu.MenuEntry(
                "Client applications", "applications", icon="app-window", place=25, needs="view:contracts"
            ),
            menu.MenuEntry("My applications", "consumer", icon="app-window", place=26, is_for_consumers=True),
        )
        finder.add(search.apis, place=10)
        finder.add(search.applications, place=15)
        finder.add(search.tls_contexts, place=30)
        finder.add(search.secrets, place=31)
        finder.add(search.automated, place=32)
        finder.add(search.policy_sets, place=34)
