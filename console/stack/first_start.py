"""What a console has from its first start: an organization, two environments, an administrator."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from console.models import Environment, Organization, Role, User


@dataclass(frozen=True)
class Login:
    """`password` is None when the person chose it: then it is kept hashed alone."""

    username: str
    password: str | None


@transaction.atomic
def ensure_data(home: Path) -> Login:
    """Make what is missing; what exists is left as it is."""
    organization = Organization.objects.filter(parent=None).order_by("created_at").first()
    if organization is None:
        organization = Organization.objects.create(name="Default")
        Environment.objects.create(organization=organization, name="Sandbox", type=Environment.Type.SANDBOX)
        Environment.objects.create(
            organization=organization, name="Production", type=Environment.Type.PRODUCTION
        )
    kept = home / "admin-password"
    admin = User.objects.filter(is_superuser=True, is_active=True).order_by("date_joined").first()
    if admin is None:
        username = os.environ.get("GATEWRIGHT_ADMIN_USERNAME") or "admin"
        given = os.environ.get("GATEWRIGHT_ADMIN_PASSWORD")
        admin = User.objects.create_superuser(
            username, password=given or _keep(kept, secrets.token_urlsafe(12))
        )
        Role.objects.create(user=admin, organization=organization, name=Role.Name.ADMINISTRATOR)
    return Login(admin.username, _still_valid(admin, kept))


def _keep(file: Path, password: str) -> str:
    """Written before the account is: a start that is interrupted between the two loses no password."""
    file.touch(mode=0o600)
    file.write_text(password + "\n")
    return password


def _still_valid(admin: User, kept: Path) -> str | None:
    """The generated password, unless there is none or it was changed since."""
    if not kept.exists():
        return None
    password = kept.read_text().strip()
    return password if admin.check_password(password) else None
