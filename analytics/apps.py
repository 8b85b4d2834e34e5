from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    name = "analytics"
    verbose_name = "Analytics"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from analytics import for_api_manager
        from apis import traffic
        from console import menu

        traffic.provide(for_api_manager)
        menu.add(menu.MenuEntry("Analytics", "analytics", icon="chart-line", place=40, needs="view:traffic"))
