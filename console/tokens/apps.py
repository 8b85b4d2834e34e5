from django.apps import AppConfig


class TokensConfig(AppConfig):
    name = "console.tokens"
    label = "tokens"
    verbose_name = "Personal tokens"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from console.tokens import emptied

        emptied.watch()
