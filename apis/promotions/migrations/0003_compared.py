"""Digests of APIs by which environments are compared, and triggers that count the changes of what they are of.

Whoever writes rows is counted, whichever release runs it. A count is raised in the transaction of the change:
digests that were made of what is not yet committed, or no longer so, are not taken for those of today.
"""

import django.db.models.deletion
from django.db import migrations, models

TABLE = """
ALTER TABLE promotions_compared ALTER COLUMN changes SET DEFAULT 0, ALTER COLUMN form SET DEFAULT '',
    ADD CONSTRAINT compared_api FOREIGN KEY (api_id) REFERENCES apis_apiinstance (id) ON DELETE CASCADE;

CREATE FUNCTION compared_add() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO promotions_compared (api_id) SELECT id FROM changed;
    RETURN NULL;
END $$;
CREATE TRIGGER compared_insert AFTER INSERT ON apis_apiinstance REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION compared_add();
INSERT INTO promotions_compared (api_id) SELECT id FROM apis_apiinstance;
"""
UNDO_TABLE = """
DROP TRIGGER compared_insert ON apis_apiinstance;
DROP FUNCTION compared_add();
"""
COUNT = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE promotions_compared SET changes = changes + 1 WHERE api_id IN (
        SELECT api_id FROM promotions_compared WHERE api_id IN ({apis})
        ORDER BY api_id FOR NO KEY UPDATE
    );
    RETURN NULL;
END $$;
"""
OF_TARGETS = """
    SELECT route.api_id FROM changed JOIN apis_route AS route ON route.id = changed.route_id
    UNION SELECT upstream.api_id FROM changed JOIN apis_upstream AS upstream ON upstream.id = changed.upstream_id
"""
TABLES = {
    "apis_upstream": "compared_count",
    "apis_route": "compared_count",
    "apis_routeupstream": "compared_count_targets",
    "apis_policybinding": "compared_count",
    "contracts_tier": "compared_count",
}
EVENTS = (("insert", "NEW"), ("update", "NEW"), ("update", "OLD"), ("delete", "OLD"))
TRIGGER = """
CREATE TRIGGER compared_{event}_{rows} AFTER {event} ON {table} REFERENCING {rows} TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION {name}();
"""
MAKE = "".join(
    TRIGGER.format(event=event, rows=rows, table=table, name=name)
    for table, name in TABLES.items()
    for event, rows in EVENTS
)
UNMAKE = "".join(
    f"DROP TRIGGER compared_{event}_{rows} ON {table};" for table in TABLES for event, rows in EVENTS
)


class Migration(migrations.Migration):

    dependencies = [
        ("apis", "0021_automated_policies_are_kept"),
        ("contracts", "0006_hidden"),
        ("promotions", "0002_shared_secrets"),
    ]

    operations = [
        migrations.CreateModel(
            name="Compared",
            fields=[
                ("api", models.OneToOneField(db_constraint=False, help_text="The database adds the row with the API's, and deletes it with it.", on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name="+", serialize=False, to="apis.apiinstance")),
                ("changes", models.BigIntegerField(default=0)),
                ("told_at", models.BigIntegerField(help_text="The count of changes that the digests are of.", null=True)),
                ("form", models.CharField(blank=True, help_text="How they were made.", max_length=64)),
                ("routes", models.BigIntegerField(help_text="Of all but what is called otherwise elsewhere.", null=True)),
                ("route_names", models.JSONField(help_text="[kind, name] of that, in its order.", null=True)),
                ("policies", models.BigIntegerField(null=True)),
                ("policy_names", models.JSONField(null=True)),
                ("tiers", models.BigIntegerField(null=True)),
            ],
            options={
                "verbose_name": "digest of an API",
                "verbose_name_plural": "digests of APIs",
            },
        ),
        migrations.RunSQL(TABLE, UNDO_TABLE),
        migrations.RunSQL(
            COUNT.format(name="compared_count", apis="SELECT changed.api_id FROM changed")
            + COUNT.format(name="compared_count_targets", apis=OF_TARGETS)
            + MAKE,
            UNMAKE + "DROP FUNCTION compared_count(); DROP FUNCTION compared_count_targets();",
        ),
    ]
