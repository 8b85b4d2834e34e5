"""Makes the tables of totals partitioned by time, as 0002 does, and fills them from what was counted before.

A partition of the traffic of the same grain has one of the totals beside it.
"""

from django.db import migrations

PARTITION = """
ALTER TABLE analytics_{table} RENAME TO analytics_{table}_plain;
CREATE TABLE analytics_{table} (
    LIKE analytics_{table}_plain INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING CONSTRAINTS
) PARTITION BY RANGE (time);
DROP TABLE analytics_{table}_plain;
CREATE INDEX {table}_by_{label} ON analytics_{table} ({label_column}, time);
CREATE INDEX {table}_by_time ON analytics_{table} (time);
"""

PARTITIONS_BESIDE = """
DO $$
DECLARE one record;
BEGIN
    FOR one IN
        SELECT replace(child.relname, '_traffic', '_{family}') AS name,
               pg_get_expr(child.relpartbound, child.oid) AS bounds
        FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
        WHERE inhparent = 'analytics_traffic{grain}'::regclass
    LOOP
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF analytics_{family}{grain} %s', one.name, one.bounds
        );
    END LOOP;
END $$;
"""

FILL = {
    "environment": """
        INSERT INTO analytics_environment{grain} (time, environment_id, status, policy, requests,
            received_bytes, sent_bytes, total, upstream)
        SELECT time, environment_id, status, policy, sum(requests), sum(received_bytes), sum(sent_bytes),
               histogram_sum(total), histogram_sum(upstream)
        FROM analytics_traffic{grain} JOIN apis_apiinstance AS api ON api.id = api_id
        GROUP BY 1, 2, 3, 4;
    """,
    "api": """
        INSERT INTO analytics_api{grain} (time, api_id, requests, errors)
        SELECT time, api_id, sum(requests), coalesce(sum(requests) FILTER (WHERE status >= 400), 0)
        FROM analytics_traffic{grain} GROUP BY 1, 2;
    """,
}


def _sql() -> str:
    parts = []
    for family, label, column in (("environment", "env", "environment_id"), ("api", "api", "api_id")):
        for grain in ("minute", "hour", "day"):
            parts.append(PARTITION.format(table=family + grain, label=label, label_column=column))
            parts.append(PARTITIONS_BESIDE.format(family=family, grain=grain))
            parts.append(FILL[family].format(grain=grain))
    return "".join(parts)


class Migration(migrations.Migration):
    dependencies = [("analytics", "0003_totals"), ("apis", "0001_initial")]

    operations = [migrations.RunSQL(_sql(), migrations.RunSQL.noop)]
