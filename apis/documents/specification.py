"""OpenAPI documents of organizations, and what was read in them."""

import uuid
from datetime import timedelta

from django.db import models
from django.utils import timezone

from apis.documents.openapi import limits
from console.models import Organization, User
from console.words import words

STALE = timedelta(seconds=limits.WALL_SECONDS + 60)
"""A reader that began longer ago than this is taken for dead."""
PATIENCE = timedelta(seconds=10)
"""A worker that is free begins to read within this time."""


class SpecificationQuerySet(models.QuerySet["Specification"]):
    def unread(self) -> "SpecificationQuerySet":
        return self.filter(state__in=(Specification.State.WAITING, Specification.State.READING))

    def being_read(self) -> "SpecificationQuerySet":
        return self.filter(state=Specification.State.READING, started_at__gt=timezone.now() - STALE)

    def unused(self) -> "SpecificationQuerySet":
        """Documents that no asset has."""
        return self.filter(assets=None)


class SpecificationManager(models.Manager["Specification"]):
    """Leaves the text in the database: it may have 20 MB, and few ask for it."""

    def get_queryset(self) -> models.QuerySet["Specification"]:
        return super().get_queryset().defer("text")


class Specification(models.Model):
    """A document as it was uploaded: waiting to be read, then accepted or refused."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        READING = "reading", "Being read"
        ACCEPTED = "accepted", "Accepted"
        REFUSED = "refused", "Refused"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="specifications")
    name = models.CharField(max_length=255, help_text="The file's.")
    text = models.TextField(help_text="As uploaded.")
    size = models.PositiveIntegerField(help_text="In bytes.")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    fault = models.CharField(max_length=600, blank=True, help_text="Why it is refused.")
    line = models.PositiveIntegerField(null=True, blank=True)
    column = models.PositiveIntegerField(null=True, blank=True)
    title = models.CharField(max_length=255, blank=True)
    version = models.CharField(max_length=255, blank=True, help_text="Of the API.")
    openapi = models.CharField(max_length=40, blank=True, help_text="The version of the format.")
    servers = models.JSONField(default=list, help_text="[{url, description}], variables filled in.")
    remarks = models.JSONField(default=list, help_text="What is odd in it, and no fault.")
    operation_count = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = SpecificationManager.from_queryset(SpecificationQuerySet)()

    class Meta:
        ordering = ["created_at"]
        base_manager_name = "objects"
        verbose_name = "OpenAPI document"
        indexes = [
            models.Index(
                fields=["organization", "created_at"],
                name="unread_specifications",
                condition=models.Q(state__in=("waiting", "reading")),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_unread(self) -> bool:
        return self.state in (self.State.WAITING, self.State.READING)

    @property
    def is_accepted(self) -> bool:
        return self.state == self.State.ACCEPTED

    @property
    def seconds(self) -> int:
        """Since it was uploaded."""
        return int((timezone.now() - self.created_at).total_seconds())

    @property
    def is_kept_waiting(self) -> bool:
        """Whether it has waited for so long that perhaps no worker runs."""
        return self.state == self.State.WAITING and timezone.now() - self.created_at > PATIENCE

    @property
    def reason(self) -> str:
        """Why it is refused, and where."""
        place = f"line {self.line}, column {self.column}: " if self.line and self.column else ""
        place = place or (f"line {self.line}: " if self.line else "")
        return f"{self.name}: {place}{self.fault}" if self.fault else ""


class OperationQuerySet(models.QuerySet["Operation"]):
    def matching(self, text: str) -> "OperationQuerySet":
        """Operations in which each of the words occurs."""
        found = self
        for word in words(text):
            found = found.filter(
                models.Q(path__icontains=word)
                | models.Q(method__iexact=word)
                | models.Q(summary__icontains=word)
                | models.Q(operation_id__icontains=word)
                | models.Q(tags__icontains=word)
            )
        return found

    def tagged(self, tag: str) -> "OperationQuerySet":
        alone, first = models.Q(tags=tag), models.Q(tags__startswith=f"{tag}, ")
        later = models.Q(tags__endswith=f", {tag}") | models.Q(tags__contains=f", {tag}, ")
        return self.filter(alone | first | later)


class Operation(models.Model):
    """A method of a path of a document."""

    specification = models.ForeignKey(Specification, models.CASCADE, related_name="operations")
    position = models.PositiveIntegerField()
    method = models.CharField(max_length=40)
    path = models.CharField(max_length=500)
    summary = models.CharField(max_length=200, blank=True)
    operation_id = models.CharField(max_length=200, blank=True)
    tags = models.CharField(max_length=400, blank=True)
    is_deprecated = models.BooleanField(default=False)
    content = models.CharField(
        max_length=32,
        blank=True,
        default="",
        db_default="",
        help_text="A digest of all that the document says of it, with what that refers to.",
    )

    objects = OperationQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        indexes = [models.Index(fields=["specification", "position"], name="operations_in_order")]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
