"""Invitations: whoever has the link joins an organization, with a role that was chosen before, or as an owner
of a client application, without one.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from console.models import Environment, Organization, Role

LIFETIME = timedelta(days=7)


def in_a_week() -> datetime:
    return timezone.now() + LIFETIME


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> "InvitationQuerySet":
        return self.in_state(Invitation.State.OPEN)

    def in_state(self, state: str) -> "InvitationQuerySet":
        """Those of a state; all where there is no such state."""
        is_late = Q(expires_at__lte=timezone.now())
        waits = Q(accepted_at=None, revoked_at=None)
        conditions = {
            Invitation.State.OPEN: waits & ~is_late,
            Invitation.State.LATE: waits & is_late,
            Invitation.State.ACCEPTED: Q(accepted_at__isnull=False),
            Invitation.State.REVOKED: Q(revoked_at__isnull=False),
        }
        return self.filter(conditions[Invitation.State(state)]) if state in Invitation.State else self


class Invitation(models.Model):
    """Its link is good once and for a week. Of the link's token the digest alone is kept."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        LATE = "late", "Over"
        ACCEPTED = "accepted", "Accepted"
        REVOKED = "revoked", "Revoked"

    OWNER = "owner"
    """In the place of a role: of a client application."""
    MOST_OPEN = 200
    KEPT = timedelta(days=90)
    """Once it is over; the audit log tells of it longer."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="invitations")
    environment = models.ForeignKey(
        Environment, models.CASCADE, null=True, blank=True, related_name="invitations"
    )
    role = models.CharField(
        max_length=16, choices=[*Role.Name.choices, (Role.CUSTOM, "Custom"), (OWNER, "Owner")]
    )
    custom = models.ForeignKey("roles.CustomRole", models.SET_NULL, null=True, blank=True, related_name="+")
    application = models.ForeignKey(
        "contracts.Application", models.CASCADE, null=True, blank=True, related_name="invitations"
    )
    email = models.EmailField(blank=True)
    is_mailed = models.BooleanField("sent by mail", default=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    inviter = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    sent_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(default=in_a_week)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["organization", "-created_at", "-id"], name="invitation_newest")]
        constraints = [
            models.CheckConstraint(
                condition=Q(application=None) ^ Q(role="owner"),
                name="invitation_of_an_owner_has_what_they_own",
            )
        ]

    def __str__(self) -> str:
        return f"invitation of {self.email}" if self.email else f"invitation by link {self.pk}"

    @property
    def state(self) -> "Invitation.State":
        if self.accepted_at:
            return self.State.ACCEPTED
        if self.revoked_at:
            return self.State.REVOKED
        return self.State.LATE if self.expires_at <= timezone.now() else self.State.OPEN

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    @property
    def title(self) -> str:
        """The role in words. A custom role may have been deleted since."""
        if self.application:
            return f"owner of the client application {self.application}"
        if self.role == Role.CUSTOM:
            return str(self.custom or "a role that was deleted")
        return self.get_role_display()

    @property
    def place(self) -> str:
        return f"{self.organization} / {self.environment}" if self.environment else str(self.organization)
