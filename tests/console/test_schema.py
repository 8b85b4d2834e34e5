"""An empty database gets its tables at once, and they are those that the migrations make."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from console import schema
from console.management.commands.recordschema import dumped

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]


@pytest.fixture
def empty(transactional_db: None) -> Iterator[Callable[[str], None]]:
    """Makes an empty database beside the tests' own, which the connection leads to from then on."""
    ours = connection.settings_dict["NAME"]
    made = []

    def lead_to(name: str) -> None:
        connection.close()
        connection.settings_dict["NAME"] = name

    def make(name: str) -> None:
        lead_to(ours)
        made.append(f"{ours}_{name}")
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{made[-1]}"')
            cursor.execute(f'CREATE DATABASE "{made[-1]}"')
        lead_to(made[-1])

    yield make
    lead_to(ours)
    for name in made:
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{name}"')


def applied() -> set[tuple[str, str]]:
    return set(MigrationRecorder(connection).applied_migrations())


def tables() -> list[str]:
    return connection.introspection.table_names()


def test_what_was_recorded_are_the_migrations_as_they_are() -> None:
    migrations = MigrationLoader(None).disk_migrations
    recorded = schema.read()

    edited = {
        name: digest
        for name, digest in recorded.items()
        if schema.digest(migrations[tuple(name.split("."))]) != digest
    }

    assert recorded
    assert not edited, "A recorded migration was edited: run script/schema."


def test_an_empty_database_gets_all_tables(empty: Callable[[str], None]) -> None:
    empty("whole")

    call_command("migrate", verbosity=0)

    assert applied() == set(MigrationLoader(None).disk_migrations)
    with connection.cursor() as cursor:
        rows = cursor.execute("select codename from auth_permission where codename like '%apiinstance'")
        assert len(rows.fetchall()) == 4


def test_a_database_with_anything_in_it_is_left_to_the_migrations(
    empty: Callable[[str], None],
) -> None:
    empty("begun")
    with connection.cursor() as cursor:
        cursor.execute("create table somebodys (id int)")

    assert schema.make(connection) is False
    assert tables() == ["somebodys"]


@pytest.mark.parametrize("statements", ["create table half (id int); create table wrong (", "select 1 / 0;"])
def test_what_a_database_does_not_take_is_left_to_the_migrations(
    empty: Callable[[str], None],
    statements: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    empty("unlike")
    (tmp_path / "tables.sql").write_text(statements)
    monkeypatch.setattr(schema, "TABLES", tmp_path / "tables.sql")

    assert schema.make(connection) is False
    assert tables() == []
    assert "each migration is run" in caplog.text


def test_a_record_of_a_migration_that_is_gone_is_not_used(
    empty: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty("older")
    (tmp_path / "migrations.txt").write_text(schema.MIGRATIONS.read_text() + "apis.9999_gone 0\n")
    monkeypatch.setattr(schema, "MIGRATIONS", tmp_path / "migrations.txt")

    assert schema.make(connection) is False
    assert tables() == []


@pytest.mark.long
def test_both_roads_make_the_same_tables(empty: Callable[[str], None]) -> None:
    empty("at_once")
    call_command("migrate", verbosity=0)
    at_once = dumped(connection)
    empty("each")
    call_command("migrate", verbosity=0, each=True)

    # PostgreSQL writes an expression that it reads from a dump a little otherwise than one from a migration.
    each = dumped(connection)
    empty("read")
    with connection.cursor() as cursor:
        cursor.execute(each)

    assert at_once == dumped(connection)
