"""The database after a test that committed: what it wrote is deleted, and nothing else is touched.

Django truncates all tables, of which the partitions alone are a hundred, and then makes content types and
permissions anew, after each of two hundred tests.
"""

from functools import cache

from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import TransactionTestCase

KEPT = {"django_migrations", "django_content_type", "auth_permission"}
"""What migrating has made, which no test changes."""
ATTEMPTS = 5


def install() -> None:
    TransactionTestCase._fixture_teardown = _empty  # type: ignore[attr-defined, method-assign]


def _empty(_: TransactionTestCase) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _delete()
        except (IntegrityError, OperationalError):
            # A process that a test left to its fixtures wrote meanwhile.
            if attempt == ATTEMPTS:
                raise
        else:
            return


@transaction.atomic
def _delete() -> None:
    """Foreign keys are looked at when the transaction ends, so the order of the tables does not matter."""
    with connection.cursor() as cursor:
        asked = (f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in _tables())
        cursor.execute(" UNION ALL ".join(asked))
        for (table,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {table}")


@cache
def _tables() -> list[str]:
    found = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return [connection.ops.quote_name(name) for name in sorted(set(found) - KEPT)]
