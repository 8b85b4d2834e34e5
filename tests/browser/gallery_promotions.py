"""A promotion, an environment to promote to, and a file that was read."""

from django.core.files.uploadedfile import SimpleUploadedFile

from apis.models import ApiInstance
from apis.portable.exporting import yaml_of
from apis.promotions import importing
from apis.promotions.models import Promotion
from console.models import User
from tests.factories import make_environment, make_gateway


def promotions(user: User, api: ApiInstance) -> dict[str, object]:
    """One that can be taken back; an environment to compare with; a file that was read."""
    place = make_environment(api.environment.organization, name="Production", type="production")
    make_gateway(place, name="prod-1")
    made = Promotion.objects.create(api=api, told="Orders, Sandbox", left="", made_it=False)
    upload = importing.upload(user, api.environment, SimpleUploadedFile("a.yaml", yaml_of([api]).encode()))
    importing.read(upload.pk)
    return {"promotion": made.pk, "api_import": upload.pk}
