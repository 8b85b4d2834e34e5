from collections.abc import Iterable

from django.apps import AppConfig
from django.db.models import Model


class ListsConfig(AppConfig):
    name = "apis.lists"
    label = "lists"
    verbose_name = "Lists of APIs"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from apis import attached
        from apis.lists.models import Pinned
        from apis.models import ApiInstance

        def pins(api: ApiInstance) -> Iterable[Model]:
            return Pinned.objects.filter(api=api).order_by("pk")

        attached.add(Pinned, pins)
