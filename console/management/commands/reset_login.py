"""`manage.py reset_login NAME`: lets somebody in again whom no administrator can help."""

import sys
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandParser
from django.db import transaction

from console import passwords
from console.audit import record
from console.factors.models import SecondFactor
from console.models import AuditEntry, User
from console.tokens import access


class Command(BaseCommand):
    help = (
        "Remove a user's second factor, log them out, and print a link to a new password. For "
        "the last administrator: others ask one, on the user's page."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The user's name.")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["name"]).first()
        if user is None or not user.is_active:
            sys.exit(f"error: There is no active user called {options['name']}.")
        user.passkeys.all().delete()
        SecondFactor.objects.filter(user=user).delete()
        access.end(None, user, "login reset at the command line")
        if organization := user.organizations().first():
            before, after = {"login": "as it was"}, {"login": "reset at the command line"}
            record(
                None, AuditEntry.Action.UPDATE, user, organization=organization, before=before, after=after
            )
        link = f"{settings.CONSOLE_URL}{passwords.link(user)}"
        self.stdout.write(f"{user} has no second factor now. A new password, within an hour: {link}")
