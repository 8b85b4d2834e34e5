"""The past is forgotten: what is of long ago, but for the newest; never what runs."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apis.changes import instances
from apis.deployment import brought
from apis.models import ApiInstance
from apis.revision import Brought, Revision
from apis.revisions import collect
from apis.tasks import tend_revisions
from gateways.models import Ack, Deployment, Gateway
from tests.apis.deployment.test_push import deployed
from tests.apis.deployment.test_revision import an_api, body
from tests.factories import make_actor, make_environment, make_gateway, make_replica

pytestmark = pytest.mark.django_db


def edited(api: ApiInstance, times: int) -> list[Revision]:
    """So many other revisions of it, the oldest first."""
    actor = make_actor()
    for number in range(times):
        instances.edit_api(
            actor,
            api,
            lambda desired, number=number: desired.__class__(**vars(desired) | {"label": f"x{number}"}),
        )
    return list(Revision.objects.filter(api=api).order_by("pk"))


def long_ago() -> datetime:
    return timezone.now() - timedelta(days=91)


def many(gateway: Gateway, count: int, *, age_days: int, step: int = 1) -> None:
    """So many deployments of it, of generations one step apart."""
    Deployment.objects.bulk_create(
        Deployment(gateway=gateway, generation=number * step, digest="d", resources_count=1)
        for number in range(1, count + 1)
    )
    Deployment.objects.filter(gateway=gateway).update(created_at=timezone.now() - timedelta(days=age_days))


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
    deployed(api.gateway, make_actor(), "Cats")
    ApiInstance.objects.update(revision=None)

    tend_revisions()

    assert not ApiInstance.objects.filter(revision=None).exists()


def test_days_are_set_by_whoever_runs_it(settings: Any) -> None:
    api = an_api()
    edited(api, 4)
    Brought.objects.update(at=timezone.now() - timedelta(days=2))
    settings.REVISIONS_KEEP_DAYS = 1

    assert collect.forget_old(last=3, most=6) == 3


class TestDeployments:
    """Rows as years of use would leave them."""

    def test_those_of_long_ago_go_with_their_answers(self) -> None:
        api = an_api()
        replica = make_replica(api.gateway, generation=3)
        many(api.gateway, 60, age_days=91)
        first = Deployment.objects.order_by("generation").first()
        Ack.objects.bulk_create(
            Ack(deployment=one, replica=replica, applied=True) for one in Deployment.objects.all()
        )
        Brought.objects.all().delete()

        assert collect.forget_deployments(last=50, most=1000) == 9

        left = list(Deployment.objects.order_by("generation").values_list("generation", flat=True))
        assert left == [3, *range(11, 61)]
        assert Ack.objects.count() == 51
        assert not Deployment.objects.filter(pk=first.pk).exists()

    def test_those_that_brought_what_is_kept_stay(self) -> None:
        api = an_api()
        Brought.objects.all().delete()
        many(api.gateway, 60, age_days=91, step=10)
        for generation in (5, 23, 24):
            Brought.objects.create(api=api, gateway=api.gateway, generation=generation)
        carriers = [one.deployment.generation for one in brought.why(api, brought.deployments(api))]

        collect.forget_deployments(last=50, most=1000)

        assert carriers == [30, 10]
        assert [one.generation for one in brought.deployments(api)] == carriers
        assert not Deployment.objects.filter(generation=20).exists()

    def test_those_of_late_stay_up_to_a_number(self) -> None:
        api = an_api()
        Brought.objects.all().delete()
        many(api.gateway, 60, age_days=1)
        assert collect.forget_deployments(last=20, most=100) == 0

        assert collect.forget_deployments(last=20, most=40) == 20

    def test_what_was_brought_goes_but_for_the_newest_of_each_gateway(self) -> None:
        api = an_api()
        other = make_gateway(api.environment)
        Brought.objects.all().delete()
        for gateway in (api.gateway, other):
            Brought.objects.bulk_create(
                Brought(api=api, gateway=gateway, generation=number, at=long_ago()) for number in range(30)
            )

        assert collect.forget_brought(last=20, most=100) == 20

        kept = (
            Brought.objects.filter(gateway=other).order_by("generation").values_list("generation", flat=True)
        )
        assert list(kept) == list(range(10, 30))

    def test_what_has_nothing_old_does_not_keep_others_waiting(self) -> None:
        busy, quiet = an_api(), an_api()
        edited(busy, 4)
        made = edited(quiet, 4)
        Brought.objects.filter(api=quiet).update(at=long_ago())

        assert collect.forget_old(last=3, most=100, owners=1) == 3
        assert Revision.objects.filter(api=quiet).count() == len(made) - 3

    def test_a_table_of_many_rows_is_pruned_in_bounded_steps(self) -> None:
        environment = make_environment()
        gateways = [make_gateway(environment) for _ in range(25)]
        Deployment.objects.bulk_create(
            (
                Deployment(gateway=one, generation=number, digest="d", resources_count=1)
                for one in gateways
                for number in range(250)
            ),
            batch_size=10_000,
        )
        Deployment.objects.update(created_at=long_ago())
        with CaptureQueriesContext(connection) as seen:
            count = collect.forget_deployments()

        assert count == 25 * 200
        deletes = [query for query in seen if "DELETE" in query["sql"]]
        assert len(deletes) <= count / collect.AT_ONCE + 6
