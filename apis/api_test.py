"""Tests of an API: what is asked, what is expected, and what came when they were run last."""

import uuid
from typing import Any

from django.db import models
from django.urls import reverse
from django.utils import timezone

from console.fields import EncryptedJSONField, LineField
from console.models import User
from gateways.protocol import cases
from gateways.protocol.cases import Case

WORKED_SECONDS = 600
"""After so long whoever ran them is gone."""


class ApiTest(models.Model):
    """`case` may hold credentials. `result` is of the last run, and empty before the first."""

    class State(models.TextChoices):
        NEW = "new", "Not run"
        PASSED = "passed", "Passed"
        FAILED = "failed", "Failed"
        BROKEN = "broken", "Could not be run"

    api = models.ForeignKey("apis.ApiInstance", models.CASCADE, related_name="tests")
    name = LineField(max_length=cases.MOST_NAME)
    position = models.PositiveSmallIntegerField()
    case = EncryptedJSONField(help_text="As its YAML says it.")
    state = models.CharField(max_length=6, choices=State, default=State.NEW)
    result = EncryptedJSONField(default=dict, help_text="{differences, outcome, reason, fault}")
    ran_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["position", "pk"]
        verbose_name = "test"
        constraints = [models.UniqueConstraint(fields=["api", "name"], name="api_test_name_is_unique")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("api_test", args=[self.api_id, self.pk])

    @property
    def known(self) -> Case:
        return Case.model_validate(self.case)

    @property
    def yaml(self) -> str:
        return cases.written([self.known])

    @property
    def summary(self) -> str:
        """What it asks: no query, no header and no body, which may hold credentials."""
        steps = self.known.steps
        more = f", and {len(steps) - 1} more" if len(steps) > 1 else ""
        times = f" × {steps[0].times}" if steps[0].times > 1 else ""
        return f"{steps[0].method} {_path(steps[0].target)}{times}{more}"

    @property
    def tone(self) -> str:
        tones = {self.State.PASSED: "ok", self.State.FAILED: "bad", self.State.BROKEN: "warn"}
        return tones.get(self.State(self.state), "")


class ApiTestRun(models.Model):
    """The run that was asked for last, and how far it is. `token` tells it from the one before."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"

    api = models.OneToOneField("apis.ApiInstance", models.CASCADE, related_name="test_run")
    token = models.UUIDField(default=uuid.uuid4)
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    total = models.PositiveSmallIntegerField()
    done = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    fault = models.CharField(max_length=500, blank=True)
    digest = models.CharField(
        max_length=64, blank=True, default="", db_default="", help_text="Of what they were run on."
    )
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        verbose_name = "run of tests"

    def __str__(self) -> str:
        return f"{self.done} of {self.total} tests of {self.api_id}"

    @property
    def seconds(self) -> float:
        return ((self.ended_at or timezone.now()) - self.asked_at).total_seconds()

    @property
    def is_going(self) -> bool:
        return self.state != self.State.DONE and self.seconds < WORKED_SECONDS

    @property
    def told(self) -> str:
        """Why it did not end as it should have; "" where it did, or goes on."""
        if self.state != self.State.DONE and not self.is_going:
            return "Whoever ran the tests is gone. Run them again."
        return self.fault


def facts(case: Case) -> dict[str, Any]:
    """What the audit compares of a test: nothing of its queries, headers and bodies, which may be secret."""
    steps = case.steps
    expected = [one.expect.model_dump(exclude_defaults=True, exclude=_SECRET) for one in steps]
    asks = [f"{one.method} {_path(one.target)}" for one in steps]
    return {"name": case.name, "asks": asks, "expects": expected}


_SECRET = {"path", "sent", "answer", "body", "body_contains"}


def _path(target: str) -> str:
    path, mark, _ = target.partition("?")
    return f"{path or '/'}{'?…' if mark else ''}"
