from django.apps import AppConfig
from django.db.models import OuterRef, QuerySet
from django.db.models.functions import Now


class AlertsConfig(AppConfig):
    name = "analytics.alerts"
    label = "alerts"
    verbose_name = "Alerts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from analytics.alerts import carried, for_api_manager, search
        from analytics.alerts.models import Alert, Incident
        from apis import alerting, attached
        from apis.portable import alerts as portable_alerts
        from console import finder, menu

        def alarm() -> QuerySet[Alert]:
            return Alert.objects.filter(environment=OuterRef("pk")).alerting(Now())

        finder.add(search.alerts, place=45)
        alerting.provide(for_api_manager.alerting)
        attached.add(Alert, for_api_manager.alerts_of)
        attached.add(Incident, for_api_manager.incidents_of)
        portable_alerts.register(carried.told, carried.put)
        menu.add(menu.MenuEntry("Alerts", "alerts", icon="bell", place=45, alarm=alarm, needs="view:alerts"))
