"""`manage.py setup`: makes a database of your own ready for the console; to run again does no harm."""

import os
import sys
from typing import Any

import redis
from django.conf import settings
from django.core.management import BaseCommand
from django.db import OperationalError, connection

from console import first_start
from console.stack import given
from gateways.agents.console_key import check_keys


class Command(BaseCommand):
    help = (
        "Migrate the database, and make the organization, its environments and the administrator that are "
        "missing. For a console that runs on your own PostgreSQL and Redis; safe to run again, with each "
        "release, and on several machines at once."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            sys.exit(f"error: The database does not answer: {error}Set DATABASE_URL to your PostgreSQL.")
        login = first_start.prepare(settings.HOME, os.environ.get(given.PASSWORD))
        check_keys(settings.HOME)
        self.stdout.write("The database is up to date.")
        self.stdout.write(self._account(login))
        self._check_valkey()
        self.stdout.write(
            "Next: start the console, workers and beat as the README's "
            '"Your own PostgreSQL and Redis" tells, all with the same settings, then open '
            f"{settings.CONSOLE_URL} and log in."
        )

    def _account(self, login: first_start.FirstLogin) -> str:
        kept = f", kept in {settings.HOME / 'admin-password'}" if login.password else ""
        return f"Administrator: {login.username}, password {login.told}{kept}."

    def _check_valkey(self) -> None:
        try:
            redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2).ping()
        except redis.RedisError as error:
            self.stderr.write(
                f"warning: Valkey or Redis does not answer ({error}); set REDIS_URL. Workers need it."
            )
