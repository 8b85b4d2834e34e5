"""Makes the tables of latencies partitioned by time, as 0004 does those of totals, and fills them with what
alerts look back at: of what is missing, alerts read the traffic itself.
"""

from django.db import migrations

PARTITION = """
ALTER TABLE analytics_latency{grain} RENAME TO analytics_latency{grain}_plain;
CREATE TABLE analytics_latency{grain} (
    LIKE analytics_latency{grain}_plain INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING CONSTRAINTS
) PARTITION BY RANGE (time);
DROP TABLE analytics_latency{grain}_plain;
CREATE INDEX latency{grain}_by_api ON analytics_latency{grain} (api_id, time);
CREATE INDEX latency{grain}_by_time ON analytics_latency{grain} (time);
DO $$
DECLARE one record;
BEGIN
    FOR one IN
        SELECT replace(child.relname, '_traffic', '_latency') AS name,
               pg_get_expr(child.relpartbound, child.oid) AS bounds
        FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
        WHERE inhparent = 'analytics_traffic{grain}'::regclass
    LOOP
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF analytics_latency{grain} %s', one.name, one.bounds
        );
    END LOOP;
END $$;
"""

FILL = """
INSERT INTO analytics_latency{grain} (time, api_id, total)
SELECT time, api_id, histogram_sum(total) FROM analytics_traffic{grain}
WHERE time > now() - interval '{kept}' GROUP BY 1, 2;
"""

KEPT = {"minute": "2 hours", "hour": "8 days", "day": "9 days"}


class Migration(migrations.Migration):
    dependencies = [("analytics", "0013_latencies")]

    operations = [
        migrations.RunSQL(
            PARTITION.format(grain=grain) + FILL.format(grain=grain, kept=kept), migrations.RunSQL.noop
        )
        for grain, kept in KEPT.items()
    ]
