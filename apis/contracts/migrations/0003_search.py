import logging

from django.db import DatabaseError, migrations, transaction

logger = logging.getLogger(__name__)

INDEX = "application_name_is_searched"
_ADD = f"CREATE INDEX {INDEX} ON contracts_application USING gin (upper(name::text) gin_trgm_ops)"


def add(apps, schema_editor):
    """Parts of names are found among 100,000 by an index of trigrams. A database whose owner may not have the
    extension does without: each search reads all names.
    """
    connection = schema_editor.connection
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            cursor.execute(_ADD)
    except DatabaseError as error:
        logger.warning("names of client applications have no index for searches: %s", error)


def remove(apps, schema_editor):
    schema_editor.execute(f"DROP INDEX IF EXISTS {INDEX}")


class Migration(migrations.Migration):

    dependencies = [('contracts', '0002_marks')]

    operations = [migrations.RunPython(add, remove)]
