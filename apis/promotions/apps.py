from collections.abc import Iterable

from django.apps import AppConfig
from django.db.models import Model, Q


class PromotionsConfig(AppConfig):
    name = "apis.promotions"
    label = "promotions"
    verbose_name = "Promotions and imports"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apis import attached
        from apis.models import ApiInstance
        from apis.promotions.models import Counterpart, Promotion

        def counterparts(api: ApiInstance) -> Iterable[Model]:
            return Counterpart.objects.filter(Q(origin=api) | Q(copy=api))

        def promotions(api: ApiInstance) -> Iterable[Model]:
            return Promotion.objects.filter(api=api)

        attached.add(Counterpart, counterparts)
        attached.add(Promotion, promotions)
