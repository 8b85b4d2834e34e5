from django.apps import AppConfig


class FactorsConfig(AppConfig):
    name = "console.factors"
    label = "factors"
    verbose_name = "Second factors"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Whether a user still has to set one up is read with the session, in the same query."""
        from console.factors import needed
        from console.sessions import engine

        engine.asked["needs_factor"] = needed.of_session()
