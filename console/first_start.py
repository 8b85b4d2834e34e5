"""What a console has from its first start: an organization, two environments, an administrator."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management import call_command
from django.db import connection, transaction

from console.models import Environment, Organization, Role, User

LOCK = 0x6761_7465
"""PostgreSQL's advisory lock under which one process at a time prepares the database."""


@dataclass(frozen=True)
class FirstLogin:
    """`password` is None when the person gave or chose it: then it is kept hashed alone. `must_change`: the
    next login asks for a new one.
    """

    username: str
    password: str | None
    must_change: bool = False

    @property
    def told(self) -> str:
        """What to log in with."""
        if self.must_change:
            password = self.password or "the one you gave, or that the first setup made"
            return f"{password} (you then choose your own)"
        return self.password or "the one you chose"


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other process, on any machine, prepares this database."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", [LOCK])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_unlock(%s)", [LOCK])


def prepare(home: Path, password: str | None) -> FirstLogin:
    """Bring the database up to date and make what is missing, one process at a time.

    `password` is the administrator's, where one was given and there is no administrator yet.
    """
    with alone():
        call_command("migrate", verbosity=0, interactive=False)
        return ensure_data(home, password)


@transaction.atomic
def ensure_data(home: Path, password: str | None = None) -> FirstLogin:
    """Make what is missing; what exists is left as it is."""
    organization = ensure_organization()
    kept = home / "admin-password"
    admin = User.objects.filter(is_superuser=True, is_active=True).order_by("date_joined").first()
    if admin is None:
        username = _username()
        password = password or _keep(kept, secrets.token_urlsafe(12))
        admin = User.objects.create_superuser(username, password=password, must_change_password=True)
        Role.objects.create(user=admin, organization=organization, name=Role.Name.ADMINISTRATOR)
    return FirstLogin(admin.username, _still_valid(admin, kept), admin.must_change_password)


def ensure_organization() -> Organization:
    """The oldest one; where there is none, one is made, with an environment to try in and one to serve."""
    found = Organization.objects.filter(parent=None).order_by("created_at").first()
    if found:
        return found
    made = Organization.objects.create(name="Default")
    Environment.objects.create(organization=made, name="Sandbox", type=Environment.Type.SANDBOX)
    Environment.objects.create(organization=made, name="Production", type=Environment.Type.PRODUCTION)
    return made


def _username() -> str:
    name = os.environ.get("GATEWRIGHT_ADMIN_USERNAME") or "admin"
    try:
        User._meta.get_field("username").run_validators(name)
    except ValidationError as error:
        raise ImproperlyConfigured(f"GATEWRIGHT_ADMIN_USERNAME: {' '.join(error.messages)}") from None
    return name


def _keep(file: Path, password: str) -> str:
    """Written before the account is: a start that is interrupted between the two loses no password."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(password + "\n")
    return password


def _still_valid(admin: User, kept: Path) -> str | None:
    """The generated password, unless there is none; the file goes once the person has chosen their own."""
    if not kept.exists():
        return None
    password = kept.read_text().strip()
    if admin.check_password(password):
        return password
    kept.unlink()
    return None
