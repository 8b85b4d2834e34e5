from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "console.sessions"
    label = "console_sessions"
    verbose_name = "Sessions"

    def ready(self) -> None:
        from console.sessions import logins

        logins.watch()
