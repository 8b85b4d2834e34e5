"""A promotion, an environment to promote to, and a file that was read."""

from django.core.files.uploadedfile import SimpleUploadedFile

from apis.bulk import choosing
from apis.bulk import promoting as many
from apis.models import ApiInstance
from apis.portable.exporting import yaml_of
from apis.promotions import importing
from apis.promotions.models import Promotion
from console.models import Environment, User
from tests.factories import make_environment, make_gateway


def promotions(user: User, api: ApiInstance) -> dict[str, object]:
    """One that can be taken back; an environment to compare with; a file that was read."""
    place = make_environment(api.environment.organization, name="Production", type="production")
    make_gateway(place, name="prod-1")
    made = Promotion.objects.create(api=api, told="Orders, Sandbox", left="", made_it=False)
    upload = importing.upload(user, api.environment, SimpleUploadedFile("a.yaml", yaml_of([api]).encode()))
    importing.read(upload.pk)
    return {"promotion": made.pk, "api_import": upload.pk, **_many(user, api, place)}


def _many(user: User, api: ApiInstance, target: Environment) -> dict[str, object]:
    """Two that are to be promoted: of one an answer is asked."""
    rows = ApiInstance.objects.filter(environment=api.environment).order_by("pk")
    change = choosing.ask(user, api.environment, "promote", [one.pk for one in rows[:2]])
    many.choose(change, target, takes_unknown=True)
    many.look(str(change.pk))
    return {"bulk_promotion": change.pk, "item": change.items.get(api_key=api.pk).pk}
