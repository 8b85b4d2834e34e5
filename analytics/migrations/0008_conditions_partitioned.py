"""Makes the tables of conditions partitioned by time, as 0002 does."""

from django.db import migrations

TABLES = ("conditionwindow", "conditionminute", "conditionhour", "conditionday")
PARTITION = """
ALTER TABLE analytics_{0} RENAME TO analytics_{0}_plain;
CREATE TABLE analytics_{0} (
    LIKE analytics_{0}_plain INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING CONSTRAINTS
) PARTITION BY RANGE (time);
DROP TABLE analytics_{0}_plain;
CREATE INDEX {0}_by_api ON analytics_{0} (api_id, time);
CREATE INDEX {0}_by_time ON analytics_{0} (time);
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0007_conditions")]

    operations = [
        migrations.RunSQL(PARTITION.format(table), migrations.RunSQL.noop) for table in TABLES
    ]
