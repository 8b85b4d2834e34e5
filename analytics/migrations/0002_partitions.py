"""Makes the tables of counts and samples partitioned by time, and merges histograms in SQL.

Each table was just created empty by 0001; PostgreSQL cannot turn a table into a partitioned one, so it is
made again like itself. A primary key would have to hold the time: the id is only for Django.
"""

from django.db import migrations

TABLES = [
    "trafficwindow",
    "trafficminute",
    "traffichour",
    "trafficday",
    "resourcewindow",
    "resourceminute",
    "resourcehour",
    "resourceday",
    "sample",
]

PARTITION = """
ALTER TABLE analytics_{0} RENAME TO analytics_{0}_plain;
CREATE TABLE analytics_{0} (
    LIKE analytics_{0}_plain INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING CONSTRAINTS
) PARTITION BY RANGE (time);
DROP TABLE analytics_{0}_plain;
CREATE INDEX {0}_by_api ON analytics_{0} (api_id, time);
CREATE INDEX {0}_by_time ON analytics_{0} (time);
"""

HISTOGRAM_SUM = """
CREATE FUNCTION histogram_merge(jsonb[]) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(jsonb_object_agg(bucket, count), '{}') FROM (
        SELECT key AS bucket, sum(value::bigint) AS count
        FROM unnest($1) AS histogram, jsonb_each_text(histogram) GROUP BY key
    ) AS merged
$$;
CREATE AGGREGATE histogram_sum(jsonb) (
    sfunc = array_append, stype = jsonb[], initcond = '{}', finalfunc = histogram_merge
);
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial")]

    operations = [
        *[migrations.RunSQL(PARTITION.format(table), migrations.RunSQL.noop) for table in TABLES],
        migrations.RunSQL(
            HISTOGRAM_SUM, "DROP AGGREGATE histogram_sum(jsonb); DROP FUNCTION histogram_merge(jsonb[]);"
        ),
    ]
