from django.apps import AppConfig


class AuditLogConfig(AppConfig):
    name = "console.audit_log"
    label = "audit_log"
    verbose_name = "Audit log"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from console.audit_log import logins

        logins.watch()
