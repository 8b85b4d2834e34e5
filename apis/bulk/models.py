"""A change of many APIs at once: what was asked for, what is planned of each, and what became of it."""

import uuid
from collections import Counter
from datetime import timedelta

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

from apis.models import ApiInstance
from console.fields import EncryptedJSONField
from console.models import Environment, User
from console.permissions import Permission

MOST_APIS = 10_000
"""Of one bulk change."""


class BulkChangeQuerySet(models.QuerySet["BulkChange"]):
    def visible_to(self, user: User) -> "BulkChangeQuerySet":
        """Those that were begun, and those that the user is about to begin."""
        begun = ~models.Q(state=BulkChange.State.ASKED) | models.Q(by=user)
        return self.filter(begun, environment__in=Environment.objects.permitting(user, Permission.VIEW_APIS))

    def forgotten(self) -> "BulkChangeQuerySet":
        """What nobody began within a day, and what ended long ago."""
        now = timezone.now()
        never = models.Q(state=BulkChange.State.ASKED, asked_at__lt=now - BulkChange.KEEP_ASKED)
        return self.filter(never | models.Q(ended_at__lt=now - BulkChange.KEEP_DONE))


class BulkChange(models.Model):
    """`values` are what the action needs, secrets among them; they go when nothing of it can be tried again.

    A worker that works on it says so by `held_until`: later than that it is gone, and another goes on.
    """

    KEEP_ASKED = timedelta(days=1)
    KEEP_VALUES = timedelta(days=1)
    KEEP_DONE = timedelta(days=30)
    COUNTED_AFTER = timedelta(hours=1)
    """By then no worker is left that was about one of its APIs when it was stopped."""

    class Action(models.TextChoices):
        DEPLOY = "deploy", "Deploy"
        UNDEPLOY = "undeploy", "Undeploy"
        TAG = "tag", "Tag"
        UNTAG = "untag", "Untag"
        DEPRECATE = "deprecate", "Deprecate"
        UNDEPRECATE = "undeprecate", "No longer deprecated"
        POLICY = "policy", "Apply policy"
        DELETE = "delete", "Delete"
        RESTORE = "restore", "Restore"
        PROMOTE = "promote", "Promote"

    class State(models.TextChoices):
        ASKED = "asked", "Not begun"
        WAITING = "waiting", "Waiting for a worker"
        RUNNING = "running", "Running"
        STOPPED = "stopped", "Stopped"
        DONE = "done", "Done"

    GOING = (State.WAITING, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="+")
    by = models.ForeignKey(User, models.CASCADE, related_name="+")
    action = models.CharField(max_length=12, choices=Action)
    values = EncryptedJSONField(default=dict)
    told = models.CharField(max_length=255, blank=True, help_text="The values in words, without secrets.")
    state = models.CharField(max_length=8, choices=State, default=State.ASKED)
    asked_at = models.DateTimeField(auto_now_add=True)
    begun_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    fault = models.CharField(max_length=500, blank=True)
    is_repeatable = models.BooleanField(default=True, help_text="Whether its values are still kept.")
    counted = models.JSONField(
        null=True,
        editable=False,
        help_text="How many APIs came to what, once nothing changes any more.",
    )

    objects = BulkChangeQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at", "id"]
        verbose_name = "bulk change"
        indexes = [models.Index(fields=["state", "asked_at"], name="bulk_by_state")]

    def __str__(self) -> str:
        return f"{self.get_action_display()}{f' {self.told}' if self.told else ''}"

    def get_absolute_url(self) -> str:
        return reverse("bulk_change", args=[self.pk])

    @property
    def is_going(self) -> bool:
        return self.state in self.GOING

    @property
    def seconds(self) -> float:
        """Since it was begun, until it ended."""
        begun = self.begun_at or self.asked_at
        return ((self.ended_at or timezone.now()) - begun).total_seconds()

    @cached_property
    def meant(self) -> int:
        """How many APIs it is about, which never changes."""
        return self.items.count()

    def counts(self) -> Counter[str]:
        """How many APIs are in each state of BulkItem."""
        found = self.items.order_by().values_list("state").annotate(models.Count("pk"))
        return Counter(dict(found))


class BulkItem(models.Model):
    """One API of a bulk change; it may be gone meanwhile."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        UNCHANGED = "unchanged", "Nothing to do"
        FAILED = "failed", "Failed"
        LEFT = "left", "Left out"

    # Written with its change, thousands at once, and gone before it: the database's check of each row took
    # half of that time. An index that begins with it is below.
    change = models.ForeignKey(
        BulkChange, models.CASCADE, related_name="items", db_constraint=False, db_index=False
    )
    api_key = models.BigIntegerField(help_text="The API's id.")
    name = models.CharField(max_length=255)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    words = models.CharField(max_length=500, blank=True, help_text="What was done, or why not.")

    class Meta:
        ordering = ["id"]
        verbose_name = "API of a bulk change"
        indexes = [models.Index(fields=["change", "state", "id"], name="bulk_item_by_state")]

    def __str__(self) -> str:
        return self.name

    @property
    def tone(self) -> str:
        return {"done": "ok", "failed": "bad", "left": "warn"}.get(self.state, "")


class Plan(models.Model):
    """What an API is to become in the environment that it is promoted to: looked at by a worker before.

    `given` is what somebody answered; `chosen` all that is to be, with these answers. Both may hold secrets,
    and go when it is done.
    """

    class State(models.TextChoices):
        UNTRIED = "untried", "Being looked at"
        READY = "ready", "Ready"
        ASKS = "asks", "Needs an answer"
        SAME = "same", "Nothing changes"
        LEFT = "left", "Left out"

    item = models.OneToOneField(BulkItem, models.CASCADE, related_name="plan")
    state = models.CharField(max_length=7, choices=State, default=State.UNTRIED)
    words = models.CharField(max_length=500, blank=True, help_text="What it needs, or what it becomes.")
    changes = models.PositiveIntegerField(default=0, help_text="How many lines the difference has.")
    place = models.CharField(max_length=400, blank=True, help_text="Gateway, port and base path.")
    given = EncryptedJSONField(default=dict)
    chosen = EncryptedJSONField(default=dict)
    seen = models.CharField(max_length=64, blank=True, help_text="A word for both sides.")
    made = models.ForeignKey(ApiInstance, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["id"]
        verbose_name = "planned promotion"

    def __str__(self) -> str:
        return f"{self.item}: {self.get_state_display()}"

    @property
    def tone(self) -> str:
        return {"ready": "ok", "asks": "warn", "untried": "busy"}.get(self.state, "")
