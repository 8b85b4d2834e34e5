from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "console.notices"
    label = "notices"
    verbose_name = "Notices"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """The query that loads a session counts what its user has not read."""
        from console.notices import inbox
        from console.sessions import engine

        engine.asked["unread_notices"] = inbox.unread()
