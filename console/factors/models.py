"""Second factors of users, and which organizations need them."""

import uuid

from django.db import models

from console.fields import EncryptedJSONField, LineField
from console.models import Organization, User


class SecondFactor(models.Model):
    """What a user has beside the password: an app that shows codes, recovery codes. One row a user, which is
    locked while a code is tried: so none counts twice, and guesses are counted whatever else is away.
    """

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="second_factor")
    totp_secret = EncryptedJSONField(null=True, editable=False)
    totp_step = models.BigIntegerField(default=0, editable=False)
    """The time step of the last code that counted: only later ones do."""
    totp_since = models.DateTimeField(null=True, editable=False)
    recovery_hashes = models.JSONField(default=list, editable=False)
    handle = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    """Whom a passkey belongs to, in the passkey."""
    failures = models.PositiveIntegerField(default=0, editable=False)
    failed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = "second factor"

    def __str__(self) -> str:
        return f"second factor of {self.user}"

    @property
    def has_totp(self) -> bool:
        return self.totp_since is not None


class Passkey(models.Model):
    """A key in somebody's phone, computer or security key, of which only the public half is here."""

    user = models.ForeignKey(User, models.CASCADE, related_name="passkeys")
    name = LineField(max_length=60)
    credential_id = models.BinaryField(unique=True, max_length=1023)
    data = models.BinaryField(editable=False)
    """The attested credential, as WebAuthn encodes it."""
    host = models.CharField(max_length=255)
    """Under which name of the console it was made: browsers offer it there alone."""
    counter = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class LoginRule(models.Model):
    """What an organization asks of the logins of its members, and of those of the business groups below."""

    organization = models.OneToOneField(
        Organization, models.CASCADE, primary_key=True, related_name="login_rule"
    )
    needs_second_factor = models.BooleanField(default=False)

    class Meta:
        verbose_name = "rule for logins"

    def __str__(self) -> str:
        return f"logins of {self.organization}"
