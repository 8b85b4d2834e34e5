"""TLS contexts of before are in the group of their environment, which has the environment's id."""

from django.db import migrations
from django.db.models import F

BATCH = 500


def enter(apps, schema_editor):
    context, group = apps.get_model("apis", "TlsContext"), apps.get_model("secret_groups", "SecretGroup")
    while True:
        found = list(context.objects.filter(group=None).values_list("environment", flat=True).distinct()[:BATCH])
        if not found:
            return
        group.objects.bulk_create(
            [group(id=one, environment_id=one, name="default") for one in found], ignore_conflicts=True
        )
        context.objects.filter(group=None, environment__in=found).update(group=F("environment"))


class Migration(migrations.Migration):
    dependencies = [("apis", "0018_secret_groups"), ("secret_groups", "0001_initial")]
    operations = [migrations.RunPython(enter, migrations.RunPython.noop, elidable=True)]
