"""Old revisions are forgotten: those of long ago, but for the newest; never one that runs."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apis.changes import instances
from apis.models import ApiInstance, Brought
from apis.revision import Revision
from apis.revisions import collect
from apis.tasks import tend_revisions
from tests.apis.deployment.test_push import deployed
from tests.apis.deployment.test_revision import an_api, body
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def edited(api: ApiInstance, times: int) -> list[Revision]:
    """So many other revisions of it, the oldest first."""
    actor = make_user()
    for number in range(times):
        instances.edit_api(
            actor,
            api,
            lambda desired, number=number: desired.__class__(**vars(desired) | {"label": f"x{number}"}),
        )
    return list(Revision.objects.filter(api=api).order_by("pk"))


def test_those_of_long_ago_go_but_for_the_newest() -> None:
    api, other = an_api(), an_api()
    made = edited(api, 4)
    Brought.objects.update(at=timezone.now() - timedelta(days=91))

    assert collect.forget_old(last=3, most=6) == 3

    assert list(Revision.objects.filter(api=api).order_by("pk")) == made[-3:]
    assert Revision.objects.filter(api=other).count() == 2
    assert collect.forget_old(last=3, most=6) == 0


def test_those_of_late_stay_up_to_a_number() -> None:
    api = an_api()
    edited(api, 3)
    assert collect.forget_old(last=3, most=6) == 0

    made = edited(api, 9)

    collect.forget_old(last=3, most=6)
    assert list(Revision.objects.filter(api=api).order_by("pk")) == made[-6:]


def test_what_runs_stays_however_old_it_is() -> None:
    api = an_api()
    oldest = edited(api, 5)[0]
    ApiInstance.objects.update(revision=oldest)
    Brought.objects.update(at=timezone.now() - timedelta(days=91))

    collect.forget_old(last=3, most=6)

    assert Revision.objects.filter(pk=oldest.pk).exists()
    assert body(api)


def test_the_task_makes_what_is_missing() -> None:
    api = an_api()
    deployed(api.gateway, make_user(), "Cats")
    ApiInstance.objects.update(revision=None)

    tend_revisions()

    assert not ApiInstance.objects.filter(revision=None).exists()


def test_days_are_set_by_whoever_runs_it(settings: Any) -> None:
    api = an_api()
    edited(api, 4)
    Brought.objects.update(at=timezone.now() - timedelta(days=2))
    settings.REVISIONS_KEEP_DAYS = 1

    assert collect.forget_old(last=3, most=6) == 3
