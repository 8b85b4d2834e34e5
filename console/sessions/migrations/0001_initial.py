"""Django's table of sessions becomes ours: it stays as it is, with the sessions in it, and gets columns."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQL = """
CREATE TABLE IF NOT EXISTS django_session (
    session_key varchar(40) NOT NULL PRIMARY KEY,
    session_data text NOT NULL,
    expire_date timestamp with time zone NOT NULL
);
CREATE INDEX IF NOT EXISTS django_session_expire_date_a5c62663 ON django_session (expire_date);
ALTER TABLE django_session
    ADD COLUMN number uuid NULL UNIQUE,
    ADD COLUMN user_id uuid NULL REFERENCES console_user (id) DEFERRABLE INITIALLY DEFERRED,
    ADD COLUMN address varchar(64) NOT NULL DEFAULT '',
    ADD COLUMN user_agent varchar(200) NOT NULL DEFAULT '',
    ADD COLUMN began_at timestamp with time zone NULL,
    ADD COLUMN last_used_at timestamp with time zone NULL;
CREATE INDEX django_session_user_id_6f0a ON django_session (user_id);
"""
BACK = """
ALTER TABLE django_session DROP COLUMN number, DROP COLUMN user_id, DROP COLUMN address,
    DROP COLUMN user_agent, DROP COLUMN began_at, DROP COLUMN last_used_at;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [("console", "0004_deploys")]

    operations = [
        migrations.RunSQL(
            SQL,
            BACK,
            state_operations=[
                migrations.CreateModel(
                    name="LoginSession",
                    fields=[
                        ("session_key", models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name="session key")),
                        ("session_data", models.TextField(verbose_name="session data")),
                        ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                        ("number", models.UUIDField(editable=False, null=True, unique=True)),
                        ("address", models.CharField(blank=True, db_default="", default="", max_length=64)),
                        ("user_agent", models.CharField(blank=True, db_default="", default="", max_length=200)),
                        ("began_at", models.DateTimeField(null=True)),
                        ("last_used_at", models.DateTimeField(null=True)),
                        ("user", models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name="sessions", to=settings.AUTH_USER_MODEL)),
                    ],
                    options={"verbose_name": "session", "db_table": "django_session", "ordering": ["-last_used_at"], "abstract": False},
                ),
            ],
        ),
    ]
