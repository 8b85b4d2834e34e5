from django.apps import AppConfig


class PromotionsConfig(AppConfig):
    name = "apis.promotions"
    label = "promotions"
    verbose_name = "Promotions and imports"
    default_auto_field = "django.db.models.BigAutoField"
