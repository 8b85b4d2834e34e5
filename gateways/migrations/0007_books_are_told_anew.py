"""Contracts tell gateways by what their application's requests are counted: each gateway fetches them anew."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F


def _raise_generations(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    apps.get_model("gateways", "Book").objects.update(generation=F("generation") + 1)


class Migration(migrations.Migration):

    dependencies = [("gateways", "0006_books")]

    operations = [migrations.RunPython(_raise_generations, migrations.RunPython.noop)]
