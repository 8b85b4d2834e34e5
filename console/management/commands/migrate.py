"""`manage.py migrate`: as Django's; an empty database gets all tables at once."""

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate
from django.db import connections

from console import schema

OTHER_THAN_ALL = ("app_label", "plan", "check_unapplied", "fake", "fake_initial", "prune", "each")


class Command(migrate.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--each", action="store_true", help="Run each migration, on an empty database, too."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not any(options.get(name) for name in OTHER_THAN_ALL):
            schema.make(connections[options["database"]])
        super().handle(*args, **options)
