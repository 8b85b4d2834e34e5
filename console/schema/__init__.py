"""The tables of an empty database, made at once from what `script/schema` recorded.

A hundred migrations, one after the other, take a new console's first start 15 s of processor time: Django
builds all models anew for each step. What they make in the end is in `tables.sql`, and `migrations.txt` names
them: one a line, `app.name`, with a digest of its file where it is ours. Migrations that are newer than the
record run after it, as on any database, so it need not be recorded anew with each.
"""

import hashlib
import logging
import sys
from pathlib import Path

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

logger = logging.getLogger(__name__)

TABLES = Path(__file__).with_name("tables.sql")
MIGRATIONS = Path(__file__).with_name("migrations.txt")

_IS_EMPTY = """
    select not exists (select from pg_class where relnamespace = current_schema()::regnamespace)
"""


def make(connection: BaseDatabaseWrapper) -> bool:
    """Make all tables of the record, and note its migrations as applied; False where that is not for us.

    That is a database with anything in it, or a record of a migration that there no longer is. A database
    that does not take the record is left empty, and logged.
    """
    with connection.cursor() as cursor:
        if not cursor.execute(_IS_EMPTY).fetchone()[0]:
            return False
    known = {(app, name) for app, name in MigrationLoader(None).disk_migrations}
    recorded = [tuple(name.split(".")) for name in read()]
    if not known.issuperset(recorded):
        return False
    recorder = MigrationRecorder(connection)
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(TABLES.read_text())
            for app, name in recorded:
                recorder.record_applied(app, name)
    except DatabaseError as error:
        logger.warning("the database does not take the recorded tables, each migration is run: %s", error)
        return False
    return True


def read() -> dict[str, str]:
    """The recorded migrations, `app.name`, as they ran, with the digests of their files."""
    lines = MIGRATIONS.read_text().splitlines()
    return {name: digest for name, _, digest in (line.partition(" ") for line in lines)}


def digest(migration: Migration) -> str:
    """Of the file of a migration of ours; empty for Django's own, whose files are the library's matter."""
    file = Path(sys.modules[type(migration).__module__].__file__ or "")
    if not file.is_relative_to(Path(__file__).parents[2]) or "site-packages" in file.parts:
        return ""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
