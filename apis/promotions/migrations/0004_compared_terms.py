"""The terms of an API are among what environments are compared by: their changes are counted, too."""

from django.db import migrations, models

EVENTS = (("insert", "NEW"), ("update", "NEW"), ("update", "OLD"), ("delete", "OLD"))
TRIGGER = """
CREATE TRIGGER compared_{event}_{rows} AFTER {event} ON contracts_terms REFERENCING {rows} TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION compared_count();
"""
MAKE = "".join(TRIGGER.format(event=event, rows=rows) for event, rows in EVENTS)
UNMAKE = "".join(f"DROP TRIGGER compared_{event}_{rows} ON contracts_terms;" for event, rows in EVENTS)


class Migration(migrations.Migration):

    dependencies = [
        ("contracts", "0006_hidden"),
        ("promotions", "0003_compared"),
    ]

    operations = [
        migrations.AddField(
            model_name="compared",
            name="terms",
            field=models.BigIntegerField(help_text="Of its own; empty where it has none.", null=True),
        ),
        migrations.RunSQL(MAKE, UNMAKE),
    ]
